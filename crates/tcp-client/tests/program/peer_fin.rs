//! The peer's FIN ends the client at once, whatever its standard input does.

use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::pty::openpty;

use crate::support::{Peer, Running, command, start};

/// From the FIN to the end of the process takes about a millisecond; a client that waited for its input
/// would never end.
const AT_ONCE: Duration = Duration::from_secs(1);

#[track_caller]
fn check(mut client: Running, server: &Peer, typed: &[u8]) {
    let mut peer = server.accept();
    // The input is being read when the FIN comes, not yet to be opened. What was typed is taken before,
    // because a close with unread data is a reset.
    client.stderr.wait_for("connected to ");
    peer.read_exact(&mut vec![0; typed.len()]).unwrap();
    let closed = Instant::now();
    drop(peer);
    let done = client.finish();
    assert_eq!(done.code, 0, "{done:?}");
    let took = done.at - closed;
    assert!(took < AT_ONCE, "it took {took:?}");
}

#[test]
fn while_a_pipe_stays_open() {
    let server = Peer::listen();
    check(start(&["-v", &server.target()]), &server, b"");
}

#[test]
fn while_nobody_types_at_a_terminal() {
    let server = Peer::listen();
    let terminal = openpty(None, None).unwrap();
    let mut command = command(&["-v", &server.target()]);
    check(Running::start(command.stdin(Stdio::from(terminal.slave))), &server, b"");
}

#[test]
fn after_something_was_typed() {
    let server = Peer::listen();
    let mut client = start(&["-v", &server.target()]);
    client.write(b"hello\n");
    check(client, &server, b"hello\n");
}
