//! Names that cannot be had.

use proto::{Change, Message, Rename, Why};
use relay::Limits;

use crate::support::{Client, Lines, Relay};

#[test]
fn a_name_that_cannot_be_had_is_refused_with_the_reason() {
    let relay = Relay::start(Limits::default());
    let _alice = Client::named(relay.address, "alice");
    let mut client = Client::silent(relay.address);
    let long = "x".repeat(10_000);
    for (name, why) in [
        ("alice", Why::NameTaken),
        ("Alice", Why::NameTaken),
        ("\u{430}lice", Why::NameTaken),
        ("", Why::NameBad),
        (&long, Why::NameBad),
        ("\u{1b}[31mred", Why::NameBad),
        ("a\nb", Why::NameBad),
        ("a\u{200b}", Why::NameBad),
    ] {
        client.hello(Some(name));
        let refused = client.refused();
        assert_eq!(refused.why, why, "{name}");
        assert!(refused.reason.len() < 200);
    }
    client.hello(Some("bob"));
    assert!(matches!(client.message(), Message::Welcome(welcome) if welcome.name == "bob"));
    relay.stop();
}

#[test]
fn who_names_none_is_given_one_and_a_name_is_free_when_its_owner_is_gone() {
    let relay = Relay::start(Limits::default());
    let mut guest = Client::silent(relay.address);
    guest.hello(None);
    let Message::Welcome(welcome) = guest.message() else { panic!("not welcome") };
    assert_eq!(welcome.name, "guest-1");
    drop(Client::named(relay.address, "alice"));
    relay.endings(1);
    Client::named(relay.address, "alice");
    relay.stop();
}

#[test]
fn a_room_has_a_clean_name_too() {
    let relay = Relay::start(Limits::default());
    let (mut client, room) = Client::in_room(relay.address, "alice", "lobby");
    for name in ["", "a\u{1b}b", &"x".repeat(10_000)] {
        client.send(&Message::Join(proto::Join { room: name.into(), listen: true }));
        assert_eq!(client.refused().why, Why::RoomBad);
    }
    client.send(&Message::Join(proto::Join { room: "Lobby".into(), listen: true }));
    assert!(matches!(client.message(), Message::Joined(joined) if joined.room == room));
    relay.stop();
}

#[test]
fn a_client_of_lines_is_told_why_and_keeps_the_name_that_it_has() {
    let relay = Relay::start(Limits::default());
    let _alice = Client::named(relay.address, "alice");
    let mut client = Lines::connect(relay.address);
    client.types("/nick \u{430}lice\n/nick \n/nick bob\n/nick bob\n/nick Bob\n");
    assert!(client.line().starts_with("* welcome"));
    assert!(client.line().starts_with("* somebody goes by \u{430}lice"));
    assert_eq!(client.line(), "* a name has at least one character");
    for name in ["bob", "bob", "Bob"] {
        assert!(client.line().starts_with(&format!("* you are {name}; ")));
    }
    relay.stop();
}

#[test]
fn a_client_of_frames_goes_by_another_name_where_it_stands() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    assert_eq!(alice.presence().change, Change::Joined);
    let renamed = |name: &str| Message::Rename(Rename { name: name.into() });
    for (name, why) in [("Bob", Why::NameTaken), ("a:b", Why::NameBad)] {
        alice.send(&renamed(name));
        assert_eq!(alice.refused().why, why);
    }
    alice.send(&renamed("carol"));
    let presence = alice.presence();
    assert_eq!((presence.change, presence.person.name.as_str()), (Change::Renamed, "carol"));
    assert_eq!(alice.message(), renamed("carol"));
    assert_eq!(bob.line(), "* alice is now carol");
    alice.say(room, 1, "hello");
    assert_eq!(bob.line(), "carol: hello");
    relay.stop();
}
