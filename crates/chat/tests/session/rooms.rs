//! Rooms: going from one to another, and those that the relay refuses.

use std::time::Duration;

use chat::show::{Shown, Style, text};
use chat::{Event, Notice};

use crate::relay::World;

fn texts(world: &World, room: &str) -> Vec<String> {
    let log = world.log(room);
    log.iter().map(|frame| String::from_utf8(frame.payload.to_vec()).unwrap()).collect()
}

#[test]
fn lines_go_to_the_room_that_was_named_before_them() {
    let mut world = World::joined();
    world.type_line("one");
    world.type_line("/join ops");
    world.type_line("two");
    world.type_line("/join #lobby");
    world.type_line("three");
    world.run();
    assert_eq!(texts(&world, "lobby"), ["one", "three"]);
    assert_eq!(texts(&world, "ops"), ["two"]);
    assert_eq!(world.chat.room(), Some("lobby"));
}

/// Lines to the room before are sent there also after a reconnect, and nothing of it is shown.
#[test]
fn a_line_to_the_room_before_is_sent_there_after_a_reconnect() {
    let mut world = World::joined();
    world.type_line("to the lobby");
    world.type_line("/join ops");
    world.cut();
    world.run();
    assert_eq!(texts(&world, "lobby"), ["to the lobby"]);
    assert!(world.chat.unsent().is_empty());
    let shown = world.events.iter().any(|event| matches!(event, Event::Said(_)));
    assert!(!shown, "{:?}", world.events);
    world.other_says("lobby", 900, "not for us");
    world.run();
    assert!(world.to_client.is_empty());
}

#[test]
fn what_was_said_to_a_room_that_is_refused_is_told_as_not_sent() {
    let mut world = World::joined();
    world.relay.refused_rooms.push("bad".into());
    world.type_line("/join bad");
    world.type_line("lost");
    world.run();
    let told = world
        .events
        .iter()
        .any(|event| matches!(event, Event::Unsent { text, .. } if text == "lost"));
    assert!(told, "{:?}", world.events);
    world.type_line("still here");
    world.run();
    assert_eq!(texts(&world, "lobby"), ["still here"]);
}

/// Two spellings of one room's name must not be joined in turn for ever.
#[test]
fn another_spelling_of_the_same_room_is_the_same_room() {
    let mut world = World::joined();
    world.type_line("one");
    world.cut();
    world.type_line("/join Lobby");
    world.run();
    world.type_line("two");
    world.run();
    assert_eq!(texts(&world, "lobby"), ["one", "two"]);
}

/// The past that was shown is not shown again, so it is not announced either.
#[test]
fn who_comes_back_is_told_of_the_lines_that_were_said_meanwhile() {
    let mut world = World::joined();
    world.type_line("one");
    world.run();
    world.events.clear();
    world.cut();
    world.run();
    world.cut();
    world.other_says("lobby", 900, "two");
    world.run();
    let shown: Vec<_> = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Joined { .. }))
        .map(|event| text(event, Style::Terminal, Duration::ZERO))
        .collect();
    let story = |line: &str| Some(Shown::Story(line.to_owned()));
    let joined = "you are in #lobby: peter";
    assert_eq!(shown, [story(joined), story(&format!("{joined}; 1 line was said meanwhile"))]);
}

#[test]
fn lines_that_nobody_kept_meanwhile_are_told() {
    let mut world = World::joined();
    world.type_line("seen");
    world.run();
    world.cut();
    for n in 0..203 {
        world.other_says("lobby", 900, &n.to_string());
    }
    world.run();
    let missed = Event::Notice(Notice::Missed { room: "lobby".into(), lines: 3 });
    assert!(world.events.contains(&missed), "{:?}", world.events);
}
