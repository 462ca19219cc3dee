//! Ctrl-C and SIGTERM: the first lets connections finish, the second ends them. Over whatever they are.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use crate::support::PATIENCE;
use crate::support::program::Program;
use crate::support::way::{Dialed, Way};

/// A client whose connection cannot finish: its answers fill every buffer, and it reads none of them.
async fn stuck_client(way: Way, addr: &str) -> Dialed {
    let mut client = way.dial(addr).await;
    let chunk = vec![b'x'; 1 << 16];
    while timeout(Duration::from_millis(300), client.stream.write_all(&chunk)).await.is_ok() {}
    client
}

#[tokio::test]
async fn what_is_in_flight_is_answered_and_then_the_server_ends() {
    for (way, signal) in Way::ALL.into_iter().zip([Signal::SIGINT, Signal::SIGTERM].repeat(2)) {
        let mut program = Program::over(way, &[]);
        let mut client = way.dial(&program.addr).await;
        client.assert_echoes("before").await;
        program.event("open");
        program.signal(signal);
        let draining = program.event("draining");
        assert_eq!((&draining["connections"], &draining["seconds"]), (&1.into(), &10.0.into()));
        assert!(way.knock(&program.addr).await.is_err(), "{way:?}: it listens still");
        // Also what arrives only now.
        client.assert_echoes("after").await;
        // Over TLS it is told that this is the end.
        assert_eq!(client.stream.read(&mut [0]).await.unwrap(), 0);
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]), "{way:?} {}", left.stderr);
    }
}

#[tokio::test]
async fn a_client_that_finishes_during_the_drain_ends_with_its_fin() {
    for way in Way::ALL {
        let mut program = Program::over(way, &[]);
        let mut client = way.dial(&program.addr).await;
        client.assert_echoes("before").await;
        program.event("open");
        program.signal(Signal::SIGTERM);
        program.event("draining");
        client.stream.shutdown().await.unwrap();
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (0, vec!["PeerFin"]), "{way:?}");
    }
}

#[tokio::test]
async fn after_the_deadline_connections_are_cut_and_the_exit_is_clean() {
    for way in Way::ALL {
        let mut program = Program::over(way, &["--drain", "300ms"]);
        let _client = stuck_client(way, &program.addr).await;
        program.event("open");
        let start = Instant::now();
        program.signal(Signal::SIGTERM);
        program.event("draining");
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]), "{way:?} {}", left.stderr);
        assert!(start.elapsed() >= Duration::from_millis(300), "{way:?}");
    }
}

/// A client that never falls silent does not keep the server, either.
#[tokio::test]
async fn a_client_that_goes_on_talking_has_until_the_deadline() {
    for way in [Way::Tcp, Way::Tls] {
        let mut program = Program::over(way, &["--drain", "1500ms"]);
        let mut client = way.dial(&program.addr).await;
        client.assert_echoes("before").await;
        program.event("open");
        let start = Instant::now();
        program.signal(Signal::SIGTERM);
        program.event("draining");
        while client.stream.write_all(b"x").await.is_ok()
            && client.stream.flush().await.is_ok()
            && client.stream.read(&mut [0]).await.is_ok_and(|read| read == 1)
        {
            assert!(start.elapsed() < PATIENCE, "{way:?}: it has no deadline");
            sleep(Duration::from_millis(10)).await; // A client that talks, but is no load.
        }
        assert!(start.elapsed() >= Duration::from_millis(1400), "{way:?} {:?}", start.elapsed());
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]), "{way:?}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once_with_its_code() {
    let seconds = [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)].repeat(2);
    for (way, (second, code)) in Way::ALL.into_iter().zip(seconds) {
        let mut program = Program::over(way, &["--drain", "1h"]);
        let _client = stuck_client(way, &program.addr).await;
        program.event("open");
        // The same again at once would be taken for the first.
        let first = if second == Signal::SIGINT { Signal::SIGTERM } else { Signal::SIGINT };
        program.signal(first);
        program.event("draining");
        program.signal(second);
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (code, vec!["Shutdown"]), "{way:?}");
        assert_eq!(left.end()["error"]["kind"], "interrupted");
        assert_eq!(left.stderr, "error: stopped by a second signal with 1 connection open\n");
    }
}

/// As timeout(1) does it, which signals its child and then the group that the child is in.
#[tokio::test]
async fn a_signal_that_is_sent_twice_is_one() {
    let mut program = Program::start(&["--drain", "1h"]);
    let mut client = Way::ALL[0].dial(&program.addr).await;
    client.assert_echoes("before").await;
    program.event("open");
    program.signal(Signal::SIGTERM);
    program.signal(Signal::SIGTERM);
    program.event("draining");
    client.assert_echoes("after").await;
    client.stream.shutdown().await.unwrap();
    let left = program.wait();
    assert_eq!((left.code, left.endings()), (0, vec!["PeerFin"]), "{}", left.stderr);
}

/// Who is in the middle of a handshake has asked for nothing, and is not waited for.
#[tokio::test]
async fn a_handshake_that_has_begun_holds_no_server_up() {
    for way in [Way::Tls, Way::TlsOverUnix] {
        let mut program = Program::over(way, &["--drain", "1h"]);
        let _silent = way.knock(&program.addr).await.unwrap();
        program.event("open");
        program.signal(Signal::SIGTERM);
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]), "{way:?}");
    }
}

#[test]
fn without_connections_there_is_nothing_to_wait_for() {
    let program = Program::start(&["--drain", "1h"]);
    program.signal(Signal::SIGINT);
    let left = program.wait();
    assert_eq!(left.code, 0);
    assert_eq!(left.names(), ["end"]);
}
