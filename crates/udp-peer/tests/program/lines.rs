//! A line is a datagram, until a line `q` or the end of the input.

use crate::support::{addr_of, peer, receive, run, start_with_events, take};

#[test]
fn each_line_is_a_datagram_of_its_own() {
    let peer = peer();
    let done = run(&["send", &addr_of(&peer)], "hello\r\n你好\nquit\nq \nlast".as_bytes());
    done.silent();
    assert_eq!(done.stdout, b"");
    for expected in ["hello", "你好", "quit", "q ", "last"] {
        assert_eq!(receive(&peer).0, expected.as_bytes());
    }
}

#[test]
fn q_ends_it_while_more_could_be_typed() {
    let peer = peer();
    let (mut sender, addr) = start_with_events(&["send", &addr_of(&peer)]);
    sender.write(b"hello\nq\nnot sent\n");
    let sent = take(&mut sender, "sent");
    assert_eq!((&sent["to"], &sent["bytes"]), (&(*addr_of(&peer)).into(), &5.into()));
    let (datagram, from) = receive(&peer);
    assert_eq!((datagram, from.to_string()), (b"hello".to_vec(), addr));
    assert_eq!(sender.finish().end()["sent"], 1);
}

/// A line that is not complete is none yet: what a slow typist has typed is not sent in parts.
#[test]
fn a_line_is_sent_when_it_ends() {
    let peer = peer();
    let (mut sender, _) = start_with_events(&["send", &addr_of(&peer)]);
    sender.write(&"你好".as_bytes()[..4]);
    sender.write(&"你好".as_bytes()[4..]);
    sender.write(b"\nnext\n");
    assert_eq!(receive(&peer).0, "你好".as_bytes());
    assert_eq!(receive(&peer).0, b"next");
}

#[test]
fn a_name_is_looked_up() {
    let peer = peer();
    let port = peer.local_addr().unwrap().port().to_string();
    run(&["send", "localhost", &port, "--source", "127.0.0.1:0"], b"hi\n").silent();
    assert_eq!(receive(&peer).0, b"hi");
}

#[test]
fn each_line_is_told_to_whoever_asks() {
    let peer = peer();
    let done = run(&["send", "-v", &addr_of(&peer)], b"hello\n");
    let line = format!("sent 5 bytes to {}\n", addr_of(&peer));
    assert!(done.stderr.contains(&line), "{}", done.stderr);
    assert!(done.stderr.contains("sent=1 received=0 lost=0"), "{}", done.stderr);
}
