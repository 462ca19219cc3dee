//! Whoever reads standard output may go: `tcp-client ... | head -c1`.

use std::io::{Read as _, Write as _};
use std::thread;

use crate::support::{LIMIT, Peer, Running, command};

#[track_caller]
fn check(args: &[&str]) {
    let server = Peer::listen();
    let addr = server.target();
    let mut child = command(&[&[addr.as_str()], args].concat()).spawn().unwrap();
    let mut reader = child.stdout.take().unwrap();
    let _stdin = child.stdin.take();
    let flood = thread::spawn(move || {
        let mut peer = server.accept();
        while peer.write_all(&[b'x'; 4096]).is_ok() {}
    });
    reader.read_exact(&mut [0]).unwrap();
    drop(reader);
    let done = Running::watch(child, LIMIT).finish();
    done.silent();
    flood.join().unwrap();
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    check(&[]);
}

#[test]
fn nor_is_one_that_reads_events() {
    check(&["--json"]);
}
