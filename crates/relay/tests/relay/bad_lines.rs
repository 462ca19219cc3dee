//! Lines that are too long, and what is no text.

use std::io::Write as _;

use proto::Message;
use relay::Limits;

use crate::support::{Client, Lines, Relay};

#[test]
fn a_line_of_a_mebibyte_ends_the_connection_and_harms_nobody() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    bob.types("short\n");
    bob.types(&"x".repeat(1 << 20));
    alice.hears("short");
    assert_eq!(alice.presence().ending.as_deref(), Some("Protocol"));
    assert_eq!(bob.line(), "bob: short");
    let goodbye = bob.line();
    assert!(goodbye.contains("longer than the limit of 65536 bytes"), "{goodbye}");
    alice.say(room, 1, "still here");
    alice.hears("still here");
    relay.stop();
}

#[test]
fn a_line_of_the_longest_length_is_said() {
    let relay = Relay::start(Limits { line: 100, ..Limits::default() });
    let (mut alice, _) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    let longest = "x".repeat(100);
    bob.types(&format!("{longest}\r\n{longest}"));
    bob.types("\n");
    alice.hears(&longest);
    alice.hears(&longest);
    bob.types(&format!("{longest}x\n"));
    assert_eq!(alice.presence().ending.as_deref(), Some("Protocol"));
    relay.stop();
}

#[test]
fn what_is_no_text_is_not_said() {
    let relay = Relay::start(Limits::default());
    let (mut alice, _) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    bob.stream.get_mut().write_all(b"caf\xe9\nbye\n").unwrap();
    assert!(bob.line().starts_with("* that is no UTF-8"));
    alice.hears("bye");
    relay.stop();
}

#[test]
fn a_request_of_http_ends_the_connection_and_nothing_of_it_is_said() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut page = Lines::connect(relay.address);
    page.types("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nhello\n");
    assert!(page.line().starts_with("* welcome"));
    assert_eq!(page.line(), "* goodbye: protocol error: the peer speaks HTTP");
    assert_eq!(relay.endings(1), ["Protocol"]);
    alice.say(room, 1, "nobody came");
    // Not even a guest has come or gone before it.
    let Message::Ack(_) = alice.message() else { panic!("something else was told") };
    assert_eq!(alice.hears("nobody came").header.seq, 1);
    relay.stop();
}
