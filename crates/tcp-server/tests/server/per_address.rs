//! `--max-conns-per-addr`: nobody takes every chair, and who tries does not fill the log.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;

use nix::sys::signal::Signal;

use crate::support::program::Program;
use crate::support::way::Way;
use crate::support::{assert_echoes, connect};

/// Whether the server resets it, as it does with those that are too many.
#[track_caller]
fn assert_refused(mut client: TcpStream) {
    match client.read(&mut [0]) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Ok(read) => panic!("{read} bytes where a reset should be"),
    }
}

#[test]
fn the_limit_of_connections_per_address_refuses_and_tells_with_counts() {
    let mut program = Program::start(&["--max-conns-per-addr", "2"]);
    let mut first = connect(&program.addr);
    assert_echoes(&mut first, "first");
    let mut second = connect(&program.addr);
    assert_echoes(&mut second, "second");
    program.event("open");
    program.event("open");

    assert_refused(connect(&program.addr));
    let told = program.event("refused");
    assert_eq!((&told["count"], &told["limit"]), (&1.into(), &2.into()), "{told}");
    assert!(told["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{told}");
    for _ in 0..20 {
        assert_refused(connect(&program.addr));
    }
    // Another address is another one's.
    let mut elsewhere = {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let local: std::net::SocketAddr = "127.0.0.2:0".parse().unwrap();
        socket.bind(&local.into()).unwrap();
        let server: std::net::SocketAddr = program.addr.parse().unwrap();
        socket.connect(&server.into()).unwrap();
        TcpStream::from(socket)
    };
    assert_echoes(&mut elsewhere, "from elsewhere");
    program.event("open");
    // Those inside have noticed nothing, and a place that comes free is free.
    assert_echoes(&mut first, "still here");
    drop(second);
    program.event("closed");
    assert_echoes(&mut connect(&program.addr), "in its place");
    program.event("open");
    program.event("closed");

    program.signal(Signal::SIGTERM);
    let left = program.wait();
    assert_eq!(left.code, 0, "{}", left.stderr);
    // What came after the first refusal was told together.
    let refused: Vec<_> = left.events.iter().filter(|event| event["event"] == "refused").collect();
    let counts: Vec<_> = refused.iter().map(|event| event["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1, 20]);
    assert_eq!(left.end()["served"], 4);
}

/// Who only opens connections, and begins no handshake, has no more of them; a Unix socket has no address.
#[tokio::test]
async fn a_handshake_that_never_comes_takes_a_place_too() {
    let mut program = Program::over(Way::Tls, &["--max-conns-per-addr", "2"]);
    let first = Way::Tls.knock(&program.addr).await.unwrap();
    let _second = Way::Tls.knock(&program.addr).await.unwrap();
    program.event("open");
    program.event("open");
    assert_refused(connect(&program.addr));
    program.event("refused");
    drop(first);
    program.event("closed");
    Way::Tls.dial(&program.addr).await.assert_echoes("in its place").await;

    let program = Program::over(Way::TlsOverUnix, &["--max-conns-per-addr", "1"]);
    let mut first = Way::TlsOverUnix.dial(&program.addr).await;
    let mut second = Way::TlsOverUnix.dial(&program.addr).await;
    first.assert_echoes("first").await;
    second.assert_echoes("second").await;
}

#[test]
fn there_is_none_where_all_have_one_address_and_a_quarter_elsewhere() {
    for (args, expected) in [
        (&["127.0.0.1:0"][..], None),
        (&["0.0.0.0:0"], Some(256)),
        (&["0.0.0.0:0", "--max-conns", "40"], Some(10)),
        (&["0.0.0.0:0", "-m", "chat"], None),
        (&["127.0.0.1:0", "--max-conns-per-addr", "5"], Some(5)),
    ] {
        let mut running =
            tests::Running::start(crate::support::program::command(args).arg("--json"));
        let listening = running.stdout.take_event(|event| event["event"] == "listening");
        assert_eq!(listening["max_conns_per_addr"].as_u64(), expected, "{args:?}");
    }
}
