//! `--user-timeout`: a peer that takes nothing is given up by the kernel, exit code 1.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::{Peer, start};

/// A peer that does not read closes its window, which the kernel then asks about in vain.
#[test]
fn a_peer_that_takes_nothing_is_given_up() {
    let server = Peer::listen();
    let mut client = start(&["--user-timeout", "300ms", "--json", &server.target()]);
    let _peer = server.accept();
    let started = Instant::now();
    let mut stdin = client.take_stdin();
    let feeding = std::thread::spawn(move || while stdin.write_all(&[b'x'; 8192]).is_ok() {});
    let done = client.finish();
    done.failed(1, &format!("{} no longer answers: ", server.addr));
    assert_eq!(done.end()["ending"], "Unanswered");
    assert!(started.elapsed() >= Duration::from_millis(300));
    feeding.join().unwrap();
}

#[test]
fn a_unix_socket_has_no_acknowledgements() {
    let done = crate::support::run(&["--user-timeout", "2s", "unix:/tmp/none"]);
    done.failed(2, "a Unix socket has no acknowledgements");
}
