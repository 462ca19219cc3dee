//! The peer says its last word while we still have something to say.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::thread;

use crate::support::{Peer, start};

/// The peer reads no more, so that the client holds bytes that it cannot send, and then sends its FIN.
#[test]
fn it_is_no_error_but_what_was_left_over_is_told() {
    let server = Peer::listen();
    let mut client = start(&["--json", &server.target()]);
    let mut stdin = client.take_stdin();
    let typing = thread::spawn(move || {
        let mut typed = 0;
        while stdin.write_all(&[b'x'; 8192]).is_ok() {
            typed += 8192;
        }
        typed
    });
    let mut peer = server.accept();
    peer.read_exact(&mut [0]).unwrap();
    peer.write_all(b"enough").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let done = client.finish();
    assert_eq!(done.code, 0, "{done:?}");
    let end = done.end();
    assert_eq!(end["ending"], "PeerFin");
    let unsent = end["unsent"].as_u64().unwrap();
    assert_eq!(done.stderr.contains("warning: "), unsent > 0, "{done:?}");
    let typed: u64 = typing.join().unwrap();
    assert!(end["sent"].as_u64().unwrap() + unsent <= typed + 8192);
}
