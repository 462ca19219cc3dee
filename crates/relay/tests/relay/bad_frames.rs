//! Frames out of turn, and bytes that are no frames.

use std::io::Write as _;

use proto::{Hello, Join, Message, Welcome};
use relay::Limits;

use crate::support::{Client, Relay, data};

#[test]
fn a_frame_before_hello_ends_the_connection() {
    let relay = Relay::start(Limits::default());
    for message in [
        Message::Join(Join { room: "lobby".into(), listen: true }),
        Message::Leave(proto::Leave { room: 1 }),
        Message::Welcome(Welcome {
            version: 1,
            you: 1,
            name: "I".into(),
            epoch: 1,
            max_frame: 1 << 20,
            features: Vec::new(),
        }),
    ] {
        let mut client = Client::silent(relay.address);
        client.send(&message);
        assert_eq!(client.goodbye(), "Protocol");
    }
    let mut client = Client::silent(relay.address);
    client.stream.write_all(&data(1, 1, b"hello")).unwrap();
    assert_eq!(client.goodbye(), "Protocol");
    assert_eq!(relay.endings(4), ["Protocol"; 4]);
    relay.stop();
}

#[test]
fn a_second_hello_and_what_only_a_relay_says_end_the_connection() {
    let relay = Relay::start(Limits::default());
    let (mut witness, room) = Client::in_room(relay.address, "witness", "lobby");
    let mut client = Client::named(relay.address, "alice");
    client.hello(Some("alice the second"));
    assert_eq!(client.goodbye(), "Protocol");
    let mut client = Client::named(relay.address, "bob");
    client.send(&Message::Left(proto::Left { room: 1 }));
    assert_eq!(client.goodbye(), "Protocol");
    witness.say(room, 1, "still here");
    witness.hears("still here");
    relay.stop();
}

#[test]
fn what_stands_before_a_bad_frame_is_relayed() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (mut bob, _) = Client::in_room(relay.address, "bob", "lobby");
    let mut bytes = data(room, 1, b"the last good one");
    bytes.extend_from_slice(&data(room, 2, b"bad")[..6]);
    bytes.extend_from_slice(&[0xff; 40]);
    alice.stream.write_all(&bytes).unwrap();
    bob.hears("the last good one");
    assert_eq!(bob.presence().ending.as_deref(), Some("Protocol"));
    assert_eq!(alice.goodbye(), "Protocol");
    relay.stop();
}

#[test]
fn a_hello_that_cannot_be_met_is_refused_and_may_be_said_again() {
    let relay = Relay::start(Limits::default());
    let mut client = Client::silent(relay.address);
    let hello = |version, max_frame| {
        Message::Hello(Hello { version, name: None, max_frame, features: Vec::new() })
    };
    client.send(&hello(2, 1 << 20));
    assert!(client.refused().reason.contains("version 1"));
    client.send(&hello(1, 1000));
    assert!(client.refused().reason.contains("1048576"));
    client.send(&hello(1, 1 << 20));
    assert!(matches!(client.message(), Message::Welcome(_)));
    relay.stop();
}

#[test]
fn a_frame_above_the_limit_ends_the_connection_before_its_bytes_have_come() {
    let frame = 4096;
    let relay = Relay::start(Limits { frame, ..Limits::default() });
    let (mut witness, room) = Client::in_room(relay.address, "witness", "lobby");
    let (mut client, _) = Client::in_room(relay.address, "alice", "lobby");
    let longest = usize::try_from(frame).unwrap() + 4 - proto::frame::HEADER_LEN;
    client.stream.write_all(&data(room, 1, &vec![b'x'; longest])).unwrap();
    assert_eq!(witness.data().payload.len(), longest);
    // Its length is one too many, and no more of it than the header is ever sent.
    let too_long = data(room, 2, &vec![b'x'; longest + 1]);
    client.stream.write_all(&too_long[..proto::frame::HEADER_LEN]).unwrap();
    assert_eq!(client.goodbye(), "Protocol");
    assert_eq!(witness.presence().ending.as_deref(), Some("Protocol"));
    relay.stop();
}
