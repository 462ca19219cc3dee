//! Joining, talking, leaving, and what was said before.

use proto::{Change, Leave, Message, Why};
use relay::Limits;

use crate::support::{Client, Lines, Relay, data, names};

#[test]
fn everybody_in_a_room_gets_what_is_said_there_and_nobody_else_does() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (mut bob, same) = Client::in_room(relay.address, "小明", "lobby");
    let (mut carol, other) = Client::in_room(relay.address, "carol", "elsewhere");
    assert_eq!(room, same);
    assert_ne!(room, other);
    alice.say(room, 7, "你好");
    let heard = bob.hears("你好");
    assert_eq!((heard.header.seq, heard.header.id, heard.header.room), (1, 7, room));
    assert_eq!(alice.hears("你好"), heard);
    bob.say(room, 1, "hello");
    assert_eq!(alice.hears("hello").header.seq, 2);
    carol.say(other, 1, "nobody here");
    assert_eq!(carol.hears("nobody here").header.seq, 1);
    relay.stop();
}

#[test]
fn what_a_client_forges_is_overwritten() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (mut bob, _) = Client::in_room(relay.address, "bob", "lobby");
    alice.say(room, 1, "first");
    alice.say(room, 2, "second");
    let (first, second) = (bob.hears("first"), bob.hears("second"));
    assert_eq!((first.header.from, first.header.seq), (1, 1));
    assert_eq!((second.header.from, second.header.seq), (1, 2));
    assert!(second.header.time >= first.header.time && first.header.time > 1_600_000_000_000_000);
    relay.stop();
}

#[test]
fn a_frame_for_a_room_that_one_is_not_in_is_refused_and_those_around_it_are_not_touched() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (mut bob, secret) = Client::in_room(relay.address, "bob", "secret");
    let mut bytes = data(room, 1, b"before");
    bytes.extend_from_slice(&data(secret, 2, b"intrusion"));
    bytes.extend_from_slice(&data(99, 3, b"nowhere"));
    bytes.extend_from_slice(&data(room, 4, b"after"));
    std::io::Write::write_all(&mut alice.stream, &bytes).unwrap();
    let Message::Ack(ack) = alice.message() else { panic!("no ack") };
    assert_eq!((ack.room, ack.id, ack.count, ack.seq), (room, 1, 1, 1));
    alice.hears("before");
    for (room, id) in [(secret, 2), (99, 3)] {
        let refused = alice.refused();
        assert_eq!((refused.why, refused.room, refused.id), (Why::NotJoined, Some(room), Some(id)));
    }
    let Message::Ack(ack) = alice.message() else { panic!("no ack") };
    assert_eq!((ack.id, ack.seq), (4, 2));
    assert_eq!(alice.hears("after").header.seq, 2);
    bob.say(secret, 1, "only mine");
    assert_eq!(bob.hears("only mine").header.seq, 1);
    relay.stop();
}

#[test]
fn a_run_is_acknowledged_in_the_parts_in_which_its_ids_follow_each_other() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut bytes = bytes::BytesMut::new();
    for id in [5, 6, 7, 20, 21, 4] {
        bytes.extend_from_slice(&data(room, id, b"x"));
    }
    std::io::Write::write_all(&mut alice.stream, &bytes).unwrap();
    for expected in [(5, 3, 1), (20, 2, 4), (4, 1, 6)] {
        let Message::Ack(ack) = alice.message() else { panic!("no ack") };
        assert_eq!((ack.id, ack.count, ack.seq), expected);
    }
    relay.stop();
}

#[test]
fn who_joins_gets_the_last_200_frames_and_then_goes_on_without_a_seam() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    for id in 1..=250 {
        alice.say(room, id, &format!("message {id}"));
    }
    // Its own come back to it, so all of them have been taken.
    while alice.data().header.seq < 250 {}
    let mut bob = Client::named(relay.address, "bob");
    bob.send(&Message::Join(proto::Join { room: "lobby".into(), listen: true }));
    let Message::Joined(joined) = bob.message() else { panic!("not joined") };
    assert_eq!((joined.seq, joined.past), (250, 200));
    assert_eq!(names(&joined.people), ["bob", "alice"]);
    alice.say(room, 251, "message 251");
    for seq in 51..=251 {
        assert_eq!(bob.hears(&format!("message {seq}")).header.seq, seq);
    }
    drop(alice);
    assert_eq!(bob.presence().change, Change::Left);
    // Whose words the past has is told, also when he is gone.
    let mut carol = Client::named(relay.address, "carol");
    carol.join("lobby");
    let presence = carol.presence();
    assert_eq!((&*presence.person.name, presence.change), ("alice", Change::Left));
    assert_eq!(carol.hears("message 52").header.from, presence.person.id);
    relay.stop();
}

#[test]
fn a_frame_that_is_nearly_all_that_a_past_may_hold_wipes_nothing_out() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let longest = "x".repeat(1_040_000);
    for (id, text) in (1..).zip(["before", &longest, "after"]) {
        alice.say(room, id, text);
        alice.data();
    }
    let mut bob = Client::named(relay.address, "bob");
    bob.join("lobby");
    for text in ["before", &longest, "after"] {
        assert!(bob.data().payload == text.as_bytes());
    }
    relay.stop();
}

#[test]
fn who_leaves_hears_no_more_and_the_others_are_told() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let (mut bob, _) = Client::in_room(relay.address, "bob", "lobby");
    let presence = alice.presence();
    assert_eq!((&*presence.person.name, presence.change), ("bob", Change::Joined));
    bob.send(&Message::Leave(Leave { room }));
    assert!(matches!(bob.message(), Message::Left(left) if left.room == room));
    let presence = alice.presence();
    assert_eq!((presence.change, presence.ending), (Change::Left, None));
    alice.say(room, 1, "is anybody here?");
    alice.hears("is anybody here?");
    bob.send(&Message::Leave(Leave { room }));
    assert_eq!(bob.refused().why, Why::NotJoined);
    bob.send(&Message::Goodbye(proto::Goodbye { ending: "Done".into(), reason: String::new() }));
    assert_eq!(bob.goodbye(), "Done");
    assert_eq!(relay.endings(1), ["Done"]);
    relay.stop();
}

#[test]
fn who_only_speaks_hears_nothing() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Client::named(relay.address, "bob");
    bob.send(&Message::Join(proto::Join { room: "lobby".into(), listen: false }));
    assert!(matches!(bob.message(), Message::Joined(_)));
    alice.say(room, 1, "hello");
    alice.hears("hello");
    bob.say(room, 9, "I cannot hear");
    let Message::Ack(ack) = bob.message() else { panic!("something was heard") };
    assert_eq!((ack.id, ack.seq), (9, 2));
    alice.hears("I cannot hear");
    relay.stop();
}

/// How a client ends, and how to end so.
type End = (&'static str, fn(Client));

#[test]
fn however_a_client_ends_the_others_are_told_how_and_go_on() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let ends: [End; 4] = [
        ("PeerFin", drop),
        ("PeerReset", |client| {
            socket2::SockRef::from(&client.stream)
                .set_linger(Some(std::time::Duration::ZERO))
                .unwrap();
        }),
        ("Protocol", |mut client| {
            std::io::Write::write_all(&mut client.stream, &[0xff; 8]).unwrap();
            assert_eq!(client.goodbye(), "Protocol");
        }),
        ("Done", |mut client| {
            let goodbye = proto::Goodbye { ending: "Done".into(), reason: String::new() };
            client.send(&Message::Goodbye(goodbye));
            client.goodbye();
        }),
    ];
    for (n, (ending, act)) in (1..).zip(ends) {
        let (bob, _) = Client::in_room(relay.address, "bob", "lobby");
        assert_eq!(alice.presence().change, Change::Joined);
        act(bob);
        let presence = alice.presence();
        assert_eq!((presence.change, presence.ending.as_deref()), (Change::Left, Some(ending)));
        alice.say(room, n, "still here");
        alice.hears("still here");
        assert_eq!(relay.endings(usize::try_from(n).unwrap()).last(), Some(&ending));
    }
    relay.stop();
}

#[test]
fn a_room_is_the_same_with_and_without_a_hash_for_clients_of_both_kinds() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "ops");
    let mut bob = Lines::connect(relay.address);
    bob.types("/nick bob\n/join #ops\nhello\n");
    alice.hears("hello");
    assert_eq!(alice.join("#ops"), room);
    assert_eq!(alice.join("#Ops"), room);
    relay.stop();
}
