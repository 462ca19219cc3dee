//! `--idle` and `--deadline`: the user's limits, exit code 124.

use std::io::{ErrorKind, Write as _};

use crate::support::{Peer, start};

#[test]
fn silence_for_longer_than_it_may_be() {
    let server = Peer::listen();
    let mut client = start(&["--idle", "200ms", "--json", &server.target()]);
    client.write(b"hello");
    let _peer = server.accept();
    let done = client.finish();
    done.failed(
        124,
        &format!("the connection to {} was silent for 200ms after 5 bytes sent", server.addr),
    );
    let end = done.end();
    assert_eq!((&end["ending"], &end["sent"]), (&"Idle".into(), &5.into()));
}

#[test]
fn a_deadline_though_the_peer_never_stops() {
    let server = Peer::listen();
    let client = start(&["--deadline", "300ms", &server.target()]);
    let mut peer = server.accept();
    let error = loop {
        if let Err(error) = peer.write_all(&[b'x'; 4096]) {
            break error;
        }
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    let done = client.finish();
    done.failed(124, &format!("still connected to {} at the deadline of 300ms", server.addr));
    assert!(!done.stdout.is_empty());
}
