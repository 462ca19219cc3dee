//! Clients of frames and clients of lines in one room.

use proto::Change;
use relay::Limits;

use crate::support::{Client, Lines, Relay};

#[test]
fn both_kinds_read_what_the_other_writes() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    alice.say(room, 1, "early");
    alice.hears("early");
    let mut bob = Lines::in_room(relay.address, "小明", "lobby");
    assert_eq!(bob.line(), "* said before:");
    assert_eq!(bob.line(), "alice: early");
    assert_eq!(alice.presence().person.name, "小明");
    bob.types("你好\r\n//nick is a command\n");
    assert_eq!(alice.hears("你好").header.from, 2);
    alice.hears("/nick is a command");
    assert_eq!(bob.line(), "小明: 你好");
    assert_eq!(bob.line(), "小明: /nick is a command");
    alice.say(room, 2, "welcome");
    assert_eq!(bob.line(), "alice: welcome");
    bob.types("/who\n");
    assert_eq!(bob.line(), "* here: alice, 小明");
    bob.types("/nick bob\n");
    assert_eq!(bob.line(), "* 小明 is now bob");
    assert_eq!(bob.line(), "* you are bob");
    let presence = alice.presence();
    assert_eq!((&*presence.person.name, presence.change), ("bob", Change::Renamed));
    bob.types("/join another\n");
    assert_eq!(bob.line(), "* you are in another: bob");
    assert_eq!(alice.presence().change, Change::Left);
    relay.stop();
}

#[test]
fn no_control_character_reaches_a_client_of_lines() {
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    let mut carol = Lines::in_room(relay.address, "carol", "lobby");
    assert_eq!(bob.line(), "* carol joined");
    alice.say(room, 1, "\u{1b}]0;owned\u{7}\r\n* bob left\u{202e}");
    let shown = "alice: \\u{1b}]0;owned\\u{7}\\u{d}\\u{a}* bob left\\u{202e}";
    assert_eq!(bob.line(), shown);
    bob.types("\u{1b}[2J\u{9b}1m\n");
    assert_eq!(carol.line(), shown);
    assert_eq!(carol.line(), "bob: \\u{1b}[2J\\u{9b}1m");
    relay.stop();
}

#[test]
fn who_types_at_once_is_in_the_lobby_as_a_guest() {
    let relay = Relay::start(Limits::default());
    let (mut alice, _) = Client::in_room(relay.address, "alice", "lobby");
    let mut nobody = Lines::connect(relay.address);
    nobody.types("hello\n\n/help\n/dance\n/quit\n");
    assert!(nobody.line().starts_with("* welcome; type /nick NAME, /join ROOM, /help"));
    assert_eq!(nobody.line(), "* you are guest-2; /nick NAME changes it");
    assert_eq!(nobody.line(), "* you are in lobby: alice, guest-2");
    alice.hears("hello");
    assert_eq!(nobody.line(), "guest-2: hello");
    assert!(nobody.line().contains("an empty line says nothing"));
    for command in ["/nick", "/join", "/who", "/quit", "//TEXT", "anything else"] {
        assert!(nobody.line().starts_with(&format!("* {command}")), "{command}");
    }
    assert!(nobody.line().starts_with("* there is no /dance"));
    assert_eq!(nobody.line(), "* goodbye");
    assert_eq!(nobody.line(), "");
    assert_eq!(relay.endings(1), ["Done"]);
    relay.stop();
}

#[test]
fn the_last_line_needs_no_end_and_a_half_closed_client_hears_the_rest() {
    let relay = Relay::start(Limits::default());
    let (mut alice, _) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    bob.types("one\ntwo");
    bob.stream.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    alice.hears("one");
    alice.hears("two");
    assert_eq!(bob.line(), "bob: one");
    assert_eq!(bob.line(), "bob: two");
    assert_eq!(bob.line(), "");
    relay.stop();
}
