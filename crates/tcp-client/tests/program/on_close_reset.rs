//! `--on-close reset` closes with an RST.

use std::io::{ErrorKind, Read as _};

use crate::support::{Peer, start};

#[track_caller]
fn last_read(args: &[&str]) -> std::io::Result<usize> {
    let server = Peer::listen();
    let addr = server.target();
    let mut client = start(&[&[addr.as_str()], args].concat());
    client.write(b"hello");
    let mut peer = server.accept();
    peer.read_exact(&mut [0; 5]).unwrap();
    client.close_stdin();
    client.finish().silent();
    peer.read(&mut [0])
}

#[test]
fn the_peer_meets_a_reset() {
    let error = last_read(&["--on-eof", "close", "--on-close", "reset"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn without_it_the_peer_meets_an_ordinary_end() {
    assert_eq!(last_read(&["--on-eof", "close"]).unwrap(), 0);
}
