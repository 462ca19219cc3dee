//! No control character of a peer reaches standard output as such.

use crate::support::{addr_of, peer, receive, receiver, start, take_text};

const EVIL: &[u8] = b"\x1b]0;x\x07\x9b31m\xff\n10.0.0.1:7: forged\r\n";
const SHOWN: &str = "\\u{1b}]0;x\\u{7}\\x9b31m\\xff\\u{a}10.0.0.1:7: forged\n";

#[test]
fn recv_shows_them() {
    let sender = peer();
    let mut receiver = start(&["recv", "--port", "0"]);
    let story = receiver.stderr.wait_for("Ctrl-C");
    let addr = story.lines().next().unwrap().rsplit(' ').next().unwrap();
    sender.send_to(EVIL, addr).unwrap();
    let line = receiver.stdout.wait_for("\n");
    let (time, rest) = line.split_once(' ').unwrap();
    assert_eq!(time.len(), "13:40:01.123".len(), "{line}");
    assert_eq!(rest, format!("{} {} bytes: {SHOWN}", addr_of(&sender), EVIL.len()));
}

#[test]
fn events_escape_them_and_are_the_same_text() {
    let (sender, evil) = (peer(), "\u{9b}2J\u{7f}\u{202e}\u{2028}\u{1b}c");
    let (mut receiver, addr) = receiver(&["--count", "1"]);
    sender.send_to(evil.as_bytes(), addr).unwrap();
    assert_eq!(take_text(&mut receiver, evil)["bytes"], evil.len());
    let done = receiver.finish();
    let written = done.stdout_text();
    assert!(written.contains(r"\u009b2J\u007f\u202e\u2028\u001bc"), "{written}");
}

#[test]
fn chat_shows_them() {
    let peer = peer();
    let mut chat = start(&["chat", "--plain", "127.0.0.1:0", &addr_of(&peer)]);
    chat.write(b"hi\n");
    let (_, from) = receive(&peer);
    peer.send_to(EVIL, from).unwrap();
    assert_eq!(chat.stdout.wait_for("\n"), format!("{}: {SHOWN}", addr_of(&peer)));
}
