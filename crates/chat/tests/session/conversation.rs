//! What a person sees while nothing breaks.

use chat::event::{Event, Notice, Said};
use chat::{Line, Outcome, Settings, Step};
use proto::Change;

use crate::relay::World;

fn said(events: &[Event]) -> Vec<&Said> {
    events
        .iter()
        .filter_map(|event| if let Event::Said(said) = event { Some(said) } else { None })
        .collect()
}

#[track_caller]
fn notice(world: &mut World, line: &str, expected: &str) {
    world.events.clear();
    world.type_line(line);
    let [Event::Notice(notice)] = &world.events[..] else { panic!("{:?}", world.events) };
    assert_eq!(notice.to_string(), expected);
    assert!(world.to_relay.is_empty(), "{line:?} was sent");
}

#[test]
fn a_line_goes_to_the_room_and_comes_back_as_everybody_gets_it() {
    let mut world = World::joined();
    world.type_line("你好");
    world.run();
    let [Event::Sent { id: 1, seq: 1, late: false, .. }, Event::Said(said)] = &world.events[..]
    else {
        panic!("{:?}", world.events)
    };
    assert_eq!((&said.payload[..], said.name.as_deref()), ("你好".as_bytes(), Some("peter")));
    assert!(said.own && !said.past && !said.again);
}

#[test]
fn what_was_said_before_is_marked_as_past() {
    let mut world = World::new(Settings::default());
    world.other_says("lobby", 900, "earlier");
    world.run();
    world.other_says("lobby", 900, "now");
    world.run();
    let said: Vec<_> =
        said(&world.events).iter().map(|said| (said.past, &said.payload[..])).collect();
    assert_eq!(said, [(true, &b"earlier"[..]), (false, b"now")]);
    let joined = world.events.iter().any(|event| matches!(event, Event::Joined { past: 1, .. }));
    assert!(joined, "{:?}", world.events);
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_word_why() {
    let mut world = World::joined();
    notice(&mut world, "", "nothing to send: type a line, or /help");
    notice(&mut world, " \t ", "nothing to send: type a line, or /help");
    notice(&mut world, "/jion ops", "unknown command /jion; did you mean /join?");
    notice(&mut world, "/shrug", "unknown command /shrug; /help names them, //shrug says it");
    notice(&mut world, "/nick", "a word is missing: /nick NAME");
    notice(
        &mut world,
        "/join LOBBY2".repeat(99).as_str(),
        "no name has 1182 bytes: 256 is the limit",
    );
    world.chat.typed(world.now, Line::NotText(vec![0xff]));
    world.chat.typed(world.now, Line::TooLong { len: 70_000 });
    world.collect();
    let last: Vec<_> = world.events.iter().rev().take(2).collect();
    assert!(matches!(last[1], Event::Notice(Notice::NotText)), "{last:?}");
    assert!(matches!(last[0], Event::Notice(Notice::TooLong { len: 70_000, .. })), "{last:?}");
    assert_eq!(world.chat.outcome().unsent, 2);
}

#[test]
fn who_names_those_who_are_there_now() {
    let mut world = World::joined();
    for (id, name, change) in [
        (5, "bob", Change::Joined),
        (6, "小明", Change::Joined),
        (5, "rob", Change::Renamed),
        (6, "小明", Change::Left),
    ] {
        world.presence(1, id, name, change);
    }
    world.run();
    let renamed = world
        .events
        .iter()
        .any(|event| matches!(event, Event::Presence { before: Some(name), .. } if name == "bob"));
    assert!(renamed, "{:?}", world.events);
    notice(&mut world, "/who", "in #lobby: peter, rob");
}

/// A relay names those who spoke and have left before it sends what they said.
#[test]
fn the_names_of_the_past_are_known_and_nobody_seems_to_leave() {
    let mut world = World::new(Settings::default());
    world.other_says("lobby", 900, "earlier");
    world.connect();
    while !world.events.iter().any(|event| matches!(event, Event::Joined { .. })) {
        world.deliver_to_relay(1);
        world.deliver_to_client(1);
    }
    let past = world.to_client.pop_front().unwrap();
    world.presence(1, 900, "bob", Change::Left);
    world.to_client.push_back(past);
    world.run();
    let [.., Event::Said(said)] = &world.events[..] else { panic!("{:?}", world.events) };
    assert_eq!(said.name.as_deref(), Some("bob"));
    let left = world.events.iter().any(|event| matches!(event, Event::Presence { .. }));
    assert!(!left, "{:?}", world.events);
}

#[test]
fn the_end_of_input_waits_until_everything_is_taken() {
    let mut world = World::joined();
    world.type_line("one");
    world.type_line("//two");
    world.chat.input_ended(world.now);
    world.collect();
    assert_eq!(world.chat.step(), Step::Talk);
    world.run();
    let outcome = Outcome { was_joined: true, taken: 2, unsent: 0 };
    assert_eq!(world.chat.step(), Step::Over(outcome));
    assert_eq!(world.log("lobby")[1].payload, "/two");
}

#[test]
fn whoever_types_nothing_still_sees_the_past() {
    let mut world = World::new(Settings::default());
    world.other_says("lobby", 900, "earlier");
    world.chat.input_ended(world.now);
    world.run();
    assert_eq!(said(&world.events).len(), 1);
    let outcome = Outcome { was_joined: true, taken: 0, unsent: 0 };
    assert_eq!(world.chat.step(), Step::Over(outcome));
}
