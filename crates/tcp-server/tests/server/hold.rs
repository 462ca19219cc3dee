//! `hold` accepts when it is told to, never reads, and still notices that a peer has gone.

use std::process::Stdio;

use nix::sys::signal::Signal;
use proto::Ending;
use tcp_server::{BindOptions, Config, Limits, modes::Hold};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::support::connect;
use crate::support::library::Server;
use crate::support::program::{Program, command};
use crate::support::way::Way;

async fn start() -> (Server, mpsc::Sender<()>) {
    let (ask, requests) = mpsc::channel(8);
    let config = Config { requests: Some(requests), ..Config::default() };
    (Server::start_at("127.0.0.1:0", &BindOptions::default(), Hold, config).await, ask)
}

#[tokio::test]
async fn each_way_to_leave_is_noticed_although_nothing_is_read() {
    let (mut server, ask) = start().await;
    for unread in [&b""[..], b"bytes that nobody reads"] {
        let mut client = server.connect().await;
        client.write_all(unread).await.unwrap();
        ask.send(()).await.unwrap();
        client.shutdown().await.unwrap();
        let closed = server.closed().await;
        assert_eq!((closed.ending, closed.received), (Ending::PeerFin, 0));

        let mut client = server.connect().await;
        client.write_all(unread).await.unwrap();
        ask.send(()).await.unwrap();
        client.set_zero_linger().unwrap();
        drop(client);
        assert_eq!(server.ending().await, Ending::PeerReset);
    }
}

/// The same over TLS, where `close_notify` is one more thing that nobody reads.
#[tokio::test]
async fn each_way_to_leave_is_noticed_over_tls() {
    let mut server = Server::over(Way::Tls, Hold, Limits::default()).await;
    for unread in [&b""[..], b"bytes that nobody reads"] {
        let mut client = server.dial().await;
        client.stream.write_all(unread).await.unwrap();
        client.stream.shutdown().await.unwrap();
        let closed = server.closed().await;
        assert_eq!((closed.ending, closed.received), (Ending::PeerFin, 0));

        let mut client = server.dial().await;
        client.stream.write_all(unread).await.unwrap();
        client.stream.flush().await.unwrap();
        client.reset();
        assert_eq!(server.ending().await, Ending::PeerReset);
    }
}

#[tokio::test]
async fn as_many_are_accepted_as_were_asked_for() {
    let (mut server, ask) = start().await;
    let clients = [server.connect().await, server.connect().await, server.connect().await];
    ask.send(()).await.unwrap();
    ask.send(()).await.unwrap();
    // Nobody asks any more: that is no end for those who are there, nor for the server.
    drop(ask);
    drop(clients);
    assert_eq!(server.closed().await.id, 1);
    assert_eq!(server.closed().await.id, 2);
    server.connect().await;
    server.stopper.stop();
    assert_eq!(server.end().await.served, 2);
}

#[test]
fn a_line_on_standard_input_accepts_one_connection() {
    let args = ["-p", "0", "-m", "hold", "--drain", "1h"];
    let mut program = Program::spawn(command(&args).stdin(Stdio::piped()));
    let _clients = [(); 4].map(|()| connect(&program.addr));
    program.running.write(b"\n");
    assert_eq!(program.event("open")["conn"], 1);
    program.running.write(b"accept one more, please\n");
    assert_eq!(program.event("open")["conn"], 2);
    // A line is one, also where it comes in pieces and has no end.
    program.running.write(b"and");
    program.running.write(b" one");
    program.running.close_stdin();
    assert_eq!(program.event("open")["conn"], 3);
    // The end of the input is not the end of the server. No more than three were accepted, and
    // none of them is waited for.
    program.signal(Signal::SIGTERM);
    let left = program.wait();
    assert_eq!(left.code, 0, "{}", left.stderr);
    assert_eq!(left.endings(), ["Shutdown"; 3]);
}
