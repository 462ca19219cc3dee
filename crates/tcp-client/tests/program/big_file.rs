//! Large amounts, both ways at once, byte for byte.

use std::io::{Read as _, Write as _};
use std::thread;

use tests::noise;

use crate::support::{Peer, read_to_end, start};

const SIZE: usize = 32 << 20;

#[test]
fn an_echo_is_the_same_bytes() {
    let server = Peer::listen();
    let mut client = start(&[&server.target()]);
    let sent = noise(SIZE);
    let (mut stdin, typed) = (client.take_stdin(), sent.clone());
    let typing = thread::spawn(move || stdin.write_all(&typed).unwrap());
    let echo = thread::spawn(move || {
        let (mut from, mut to) = (server.accept(), Vec::new());
        let mut into = from.try_clone().unwrap();
        let mut buf = vec![0; 1 << 16];
        while let count @ 1.. = from.read(&mut buf).unwrap() {
            into.write_all(&buf[..count]).unwrap();
            to.extend_from_slice(&buf[..count]);
        }
        to
    });
    let done = client.finish();
    typing.join().unwrap();
    done.silent();
    let arrived = echo.join().unwrap();
    assert!(arrived == sent, "the server got {} bytes, other than were sent", arrived.len());
    assert!(done.stdout == sent, "{} bytes came back, other than were sent", done.stdout.len());
}

/// The client reads on while it sends: a peer that answers before it reads must not block both.
#[test]
fn a_peer_that_sends_everything_before_it_reads_blocks_nobody() {
    let server = Peer::listen();
    let mut client = start(&[&server.target()]);
    let (ours, theirs) = (noise(SIZE), noise(SIZE / 2));
    let (mut stdin, typed) = (client.take_stdin(), ours.clone());
    let typing = thread::spawn(move || stdin.write_all(&typed).unwrap());
    let sending = theirs.clone();
    let peer = thread::spawn(move || {
        let mut peer = server.accept();
        peer.write_all(&sending).unwrap();
        read_to_end(&mut peer)
    });
    let done = client.finish();
    typing.join().unwrap();
    assert!(peer.join().unwrap() == ours);
    assert!(done.stdout == theirs);
}
