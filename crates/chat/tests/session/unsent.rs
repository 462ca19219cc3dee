//! Lines that the relay has not taken: kept over a reconnect, sent again with the same number, shown as
//! such, and listed at the end.

use std::time::Duration;

use chat::limits::{MAX_UNSENT, MAX_UNSENT_BYTES};
use chat::{Event, Line, Notice, Outcome, Step};

use crate::relay::World;

fn is_waiting(event: &Event, line: &str) -> bool {
    matches!(event, Event::Waiting { text, .. } if text == line)
}

fn is_sent_late(event: &Event, line: &str) -> bool {
    matches!(event, Event::Sent { text, late: true, .. } if text == line)
}

#[test]
fn a_line_that_was_cut_off_is_sent_again_with_its_number_and_shown_as_such() {
    let mut world = World::joined();
    world.type_line("lost on the way");
    let first = world.to_relay[0].header.id;
    world.cut();
    world.type_line("typed while away");
    assert!(matches!(&world.events[0], Event::Notice(Notice::Disconnected { .. })));
    assert!(is_waiting(&world.events[1], "lost on the way"), "{:?}", world.events);
    assert!(is_waiting(&world.events[2], "typed while away"), "{:?}", world.events);
    world.run();
    let log = world.log("lobby");
    let ids: Vec<_> = log.iter().map(|frame| frame.header.id).collect();
    assert_eq!(ids, [first, first + 1]);
    for line in ["lost on the way", "typed while away"] {
        assert!(world.events.iter().any(|event| is_sent_late(event, line)), "{:?}", world.events);
    }
}

/// The relay had taken the line, and only its word for it was lost.
#[test]
fn a_line_that_is_found_in_the_past_is_not_sent_twice() {
    let mut world = World::joined();
    world.type_line("taken");
    world.deliver_to_relay(usize::MAX);
    world.cut();
    world.type_line("and one more");
    world.run();
    let log = world.log("lobby");
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(world.events.iter().any(|event| is_sent_late(event, "taken")), "{:?}", world.events);
    assert!(world.chat.unsent().is_empty());
}

/// The relay had the line under way while we came back: it has both copies, and one is shown.
#[test]
fn a_line_that_was_taken_twice_is_shown_once() {
    let mut world = World::joined();
    world.type_line("hello");
    let mut first = world.to_relay[0].clone();
    first.header.from = 1;
    world.cut();
    world.run();
    let [taken] = &world.log("lobby")[..] else { panic!() };
    let mut again = taken.clone();
    again.header.seq = 2;
    again.header.from = 1;
    world.to_client.push_back(again);
    world.run();
    let shown: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Said(said) => Some(said.again),
            _ => None,
        })
        .collect();
    assert_eq!(shown, [false, true]);
}

#[test]
fn the_past_that_was_shown_is_not_shown_again() {
    let mut world = World::joined();
    world.other_says("lobby", 900, "one");
    world.type_line("two");
    world.run();
    world.cut();
    world.other_says("lobby", 900, "three");
    world.run();
    let shown: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Said(said) => Some((said.seq, said.past)),
            _ => None,
        })
        .collect();
    assert_eq!(shown, [(1, false), (2, false), (3, true)]);
}

/// A relay that has lost its memory gives the same places to other lines.
#[test]
fn a_relay_that_counts_anew_is_shown_anew() {
    let mut world = World::joined();
    world.other_says("lobby", 900, "before");
    world.run();
    world.restart_relay();
    world.other_says("lobby", 900, "after");
    world.run();
    let shown = world.events.iter().filter(|event| matches!(event, Event::Said(_))).count();
    assert_eq!(shown, 2);
}

/// The numbers are given out in another order: ours is somebody else's now.
#[test]
fn what_another_says_under_a_number_that_was_ours_is_not_ours() {
    let mut world = World::joined();
    world.type_line("taken");
    world.run();
    world.type_line("lost on the way");
    let lost = world.to_relay[0].header.id;
    world.events.clear();
    world.restart_relay();
    world.relay.last_person = 1;
    world.other_says("lobby", 1, "another's");
    // It even has the number and the text of the line that is not taken.
    world.other_says_as("lobby", 1, lost, "lost on the way");
    world.run();
    world.other_says("lobby", 1, "said live");
    world.run();
    let shown: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Said(said) => Some((said.seq, said.from, said.name.as_deref(), said.own)),
            _ => None,
        })
        .collect();
    let other = |seq| (seq, 1, None, false);
    assert_eq!(shown, [other(1), other(2), (3, 2, Some("peter"), true), other(4)]);
    let log = world.log("lobby");
    assert_eq!((log[2].header.id, &log[2].payload[..]), (lost, &b"lost on the way"[..]));
    let missed =
        world.events.iter().any(|event| matches!(event, Event::Notice(Notice::Missed { .. })));
    assert!(!missed, "{:?}", world.events);
}

#[test]
fn what_nobody_took_in_time_is_listed_at_the_end() {
    let mut world = World::joined();
    world.cut();
    world.type_line("one");
    world.type_line("two");
    world.events.clear();
    world.chat.input_ended(world.now);
    world.pass(Duration::from_secs(9));
    assert_eq!(world.chat.step(), Step::Connect);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.chat.step(), Step::Over(Outcome { was_joined: true, taken: 0, unsent: 2 }));
    let listed: Vec<_> = world
        .events
        .iter()
        .map(|event| match event {
            Event::Unsent { text, .. } => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(listed, ["one", "two"]);
}

#[test]
fn more_lines_than_may_wait_are_refused_with_a_word() {
    let mut world = World::joined();
    world.cut();
    for n in 0..MAX_UNSENT {
        assert!(world.chat.has_room());
        world.type_line(&n.to_string());
    }
    assert!(!world.chat.has_room());
    world.type_line("one too many");
    let full = Event::Notice(Notice::Full { lines: MAX_UNSENT });
    assert_eq!(world.events.last(), Some(&full));
    world.run();
    assert_eq!(world.chat.outcome(), Outcome { was_joined: true, taken: 1000, unsent: 1 });
    assert!(world.chat.has_room());
}

#[test]
fn more_bytes_than_may_wait_are_refused_too() {
    let mut world = World::joined();
    world.cut();
    let long = "x".repeat(64 * 1024);
    for _ in 0..MAX_UNSENT_BYTES / long.len() {
        world.chat.typed(world.now, Line::Text(long.clone()));
    }
    world.type_line("x");
    assert!(matches!(world.events.last(), Some(Event::Notice(Notice::Full { lines: 16 }))));
}

#[test]
fn what_answers_no_hello_is_no_relay() {
    let mut world = World::new(chat::Settings::default());
    world.connect();
    world.pass(Duration::from_millis(9_999));
    assert_eq!(world.chat.step(), Step::Talk);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.chat.step(), Step::Connect);
    let Some(Event::Notice(notice)) = world.events.last() else { panic!() };
    assert_eq!(
        notice.to_string(),
        "disconnected: no answer within 10s: it is full (relay --max-people), or no relay",
    );
}
