//! Ctrl-C and SIGTERM: the first lets connections finish, the second ends them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::program::Program;
use crate::support::{PATIENCE, assert_echoes, connect};

/// A client whose connection cannot finish: its answers fill every buffer, and it reads none of them.
fn stuck_client(addr: &str) -> TcpStream {
    let mut client = connect(addr);
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while client.write_all(&vec![b'x'; 1 << 16]).is_ok() {}
    client
}

#[test]
fn what_is_in_flight_is_answered_and_then_the_server_ends() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut program = Program::start(&[]);
        let mut client = connect(&program.addr);
        assert_echoes(&mut client, "before");
        program.event("open");
        program.signal(signal);
        let draining = program.event("draining");
        assert_eq!((&draining["connections"], &draining["seconds"]), (&1.into(), &10.0.into()));
        TcpStream::connect(&program.addr).unwrap_err();
        // Also what arrives only now.
        assert_echoes(&mut client, "after");
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]), "{}", left.stderr);
    }
}

#[test]
fn a_client_that_finishes_during_the_drain_ends_with_its_fin() {
    let mut program = Program::start(&[]);
    let mut client = connect(&program.addr);
    assert_echoes(&mut client, "before");
    program.event("open");
    program.signal(Signal::SIGTERM);
    program.event("draining");
    drop(client);
    let left = program.wait();
    assert_eq!((left.code, left.endings()), (0, vec!["PeerFin"]));
}

#[test]
fn after_the_deadline_connections_are_cut_and_the_exit_is_clean() {
    let mut program = Program::start(&["--drain", "300ms"]);
    let _client = stuck_client(&program.addr);
    program.event("open");
    let start = Instant::now();
    program.signal(Signal::SIGTERM);
    program.event("draining");
    let left = program.wait();
    assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]), "{}", left.stderr);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

/// A client that never falls silent does not keep the server, either.
#[test]
fn a_client_that_goes_on_talking_has_until_the_deadline() {
    let mut program = Program::start(&["--drain", "1500ms"]);
    let mut client = connect(&program.addr);
    assert_echoes(&mut client, "before");
    program.event("open");
    let start = Instant::now();
    program.signal(Signal::SIGTERM);
    program.event("draining");
    while client.write_all(b"x").is_ok() && client.read(&mut [0]).is_ok_and(|read| read == 1) {
        assert!(start.elapsed() < PATIENCE, "it has no deadline");
        // A client that talks, but is no load.
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() >= Duration::from_millis(1400), "{:?}", start.elapsed());
    let left = program.wait();
    assert_eq!((left.code, left.endings()), (0, vec!["Shutdown"]));
}

#[test]
fn a_second_signal_ends_at_once_with_its_code() {
    for (second, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut program = Program::start(&["--drain", "1h"]);
        let _client = stuck_client(&program.addr);
        program.event("open");
        program.signal(Signal::SIGINT);
        program.event("draining");
        program.signal(second);
        let left = program.wait();
        assert_eq!((left.code, left.endings()), (code, vec!["Shutdown"]));
        assert_eq!(left.end()["error"]["kind"], "interrupted");
        assert_eq!(left.stderr, "error: stopped by a second signal with 1 connection open\n");
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
