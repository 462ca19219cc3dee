//! The peer resets the connection.

use std::io::{Read as _, Write as _};
use std::thread;

use crate::support::{Peer, reset, start};

#[test]
fn a_reset_is_an_error_with_the_address_and_what_went_before() {
    let server = Peer::listen();
    let mut client = start(&[&server.target()]);
    client.write(b"123456");
    let mut peer = server.accept();
    peer.read_exact(&mut [0; 6]).unwrap();
    peer.write_all(b"abc").unwrap();
    client.stdout.wait_for("abc");
    reset(peer);
    let done = client.finish();
    done.failed(
        1,
        &format!("connection reset by {} after 6 bytes sent, 3 bytes received", server.addr),
    );
    assert_eq!(done.stdout, b"abc");
}

#[test]
fn its_ending_has_a_name() {
    let server = Peer::listen();
    let mut client = start(&["--json", &server.target()]);
    let peer = server.accept();
    // Before that, it would be an attempt to connect that failed.
    client.stdout.wait_for("connected");
    reset(peer);
    let done = client.finish();
    done.failed(1, "connection reset");
    let end = done.end();
    assert_eq!(end["ending"], "PeerReset");
    assert_eq!(end["error"]["kind"], "connection_reset");
    assert_eq!(end["error"]["os_error"], 104);
}

/// A write to a socket that was reset raises SIGPIPE in a program that has not seen to it.
#[test]
fn a_reset_in_the_middle_of_a_write_is_an_error_and_no_death() {
    let server = Peer::listen();
    let mut client = start(&[&server.target()]);
    let mut stdin = client.take_stdin();
    let typing = thread::spawn(move || while stdin.write_all(&[b'x'; 8192]).is_ok() {});
    let mut peer = server.accept();
    peer.read_exact(&mut vec![0; 1 << 20]).unwrap();
    reset(peer);
    let done = client.finish();
    assert_eq!(done.signal, None);
    done.failed(1, "connection reset by");
    typing.join().unwrap();
}
