//! What the end of standard input means: `--on-eof`, `-N`, `--linger-after-eof`.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use crate::support::{Peer, read_to_end, start};

#[test]
fn close_does_not_wait_for_the_peer() {
    let server = Peer::listen();
    let mut client = start(&["--on-eof", "close", &server.target()]);
    client.write(b"bye");
    client.close_stdin();
    let mut peer = server.accept();
    client.finish().silent();
    assert_eq!(read_to_end(&mut peer), b"bye");
}

#[test]
fn keep_tells_the_peer_nothing() {
    let server = Peer::listen();
    let mut client = start(&["--on-eof", "keep", "-vv", &server.target()]);
    let mut peer = server.accept();
    client.close_stdin();
    client.stderr.wait_for("end of input");
    peer.write_all(b"still there?").unwrap();
    client.stdout.wait_for("still there?");
    peer.set_nonblocking(true).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(peer);
    assert_eq!(client.finish().code, 0);
}

#[test]
fn half_close_is_what_nc_calls_n() {
    let server = Peer::listen();
    let mut client = start(&["-N", &server.target()]);
    client.close_stdin();
    let mut peer = server.accept();
    assert_eq!(read_to_end(&mut peer), b"");
    peer.write_all(b"reply").unwrap();
    drop(peer);
    let done = client.finish();
    done.silent();
    assert_eq!(done.stdout, b"reply");
}

/// nc's `-q`: the peer keeps its side open for ever, and we have waited long enough.
#[test]
fn the_wait_after_the_end_of_input_can_be_limited() {
    let server = Peer::listen();
    let mut client = start(&["--linger-after-eof", "200ms", "--json", &server.target()]);
    client.close_stdin();
    let mut peer = server.accept();
    assert_eq!(read_to_end(&mut peer), b"");
    peer.write_all(b"in time").unwrap();
    let done = client.finish();
    assert_eq!(done.code, 0);
    let end = done.end();
    assert_eq!((&end["ending"], &end["received"]), (&"Done".into(), &7.into()));
    assert!(
        Duration::from_secs_f64(end["seconds"].as_f64().unwrap()) >= Duration::from_millis(200)
    );
}
