//! Names: those that the relay refuses, and a change of name.

use chat::{Event, Notice, Settings, Step};
use proto::Kind;

use crate::relay::World;

/// The names that we were told are ours.
fn names(world: &World) -> Vec<&str> {
    world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Welcome { name, .. } | Event::Renamed { name } => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

/// The names that the relay refused.
fn refused(world: &World) -> Vec<&str> {
    world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Notice(Notice::NameRefused { name, .. }) => Some(name.as_str()),
            _ => None,
        })
        .collect()
}

/// The kinds of the frames that are under way to the relay.
fn sent(world: &World) -> Vec<Kind> {
    world.to_relay.iter().map(|frame| frame.header.kind).collect()
}

#[test]
fn a_name_that_is_taken_is_asked_for_again_of_the_person() {
    let mut world = World::new(Settings { name: Some("bob".into()), ..Settings::default() });
    world.relay.taken_names.push("bob".into());
    world.run();
    let [Event::Notice(Notice::NameRefused { .. })] = &world.events[..] else {
        panic!("{:?}", world.events)
    };
    // However long the person thinks.
    world.pass(std::time::Duration::from_secs(3600));
    world.type_line("kept until there is a name");
    world.type_line("/nick rob");
    world.run();
    assert_eq!(names(&world), ["rob"]);
    assert_eq!(world.log("lobby").len(), 1);
}

#[test]
fn without_a_person_a_name_that_is_taken_is_the_end_and_lines_are_listed() {
    let mut world = World::new(Settings { name: Some("bob".into()), ..Settings::default() });
    world.relay.taken_names.push("bob".into());
    world.type_line("hello");
    world.chat.input_ended(world.now);
    world.run();
    assert!(matches!(world.chat.step(), Step::Over(outcome) if outcome.unsent == 1));
    assert!(matches!(world.events.last(), Some(Event::Unsent { .. })), "{:?}", world.events);
}

#[test]
fn nick_changes_the_name_where_it_stands_between_lines() {
    let mut world = World::joined();
    world.type_line("as peter");
    world.type_line("/nick rob");
    world.type_line("as rob");
    assert_eq!(sent(&world), [Kind::Data, Kind::Rename, Kind::Data]);
    world.run();
    assert_eq!(names(&world), ["rob"]);
    let log = world.log("lobby");
    let froms: Vec<_> = log.iter().map(|frame| frame.header.from).collect();
    assert_eq!(froms, [1, 1]);
    let renamed = world.events.iter().any(|event| {
        matches!(event, Event::Presence { before: Some(before), own: true, .. } if before == "peter")
    });
    assert!(renamed, "{:?}", world.events);
    // The next connection begins with it.
    world.cut();
    world.run();
    assert_eq!(names(&world), ["rob", "rob"]);
}

/// One change at a time is under way. What was typed after the next one waits, and is said under it.
#[test]
fn a_line_after_two_changes_is_said_under_the_second() {
    let mut world = World::joined();
    world.type_line("/nick rob");
    world.type_line("as rob");
    world.type_line("/nick robert");
    world.type_line("as robert");
    assert_eq!(sent(&world), [Kind::Rename, Kind::Data]);
    world.deliver_to_relay(usize::MAX);
    world.deliver_to_client(usize::MAX);
    assert_eq!(sent(&world), [Kind::Rename, Kind::Data]);
    world.run();
    assert_eq!(names(&world), ["rob", "robert"]);
    let texts: Vec<_> = world.log("lobby").iter().map(|frame| frame.payload.clone()).collect();
    assert_eq!(texts, ["as rob", "as robert"]);
}

#[test]
fn a_nick_that_is_typed_before_the_welcome_stands_before_every_line() {
    let mut world = World::new(Settings { name: Some("peter".into()), ..Settings::default() });
    world.connect();
    world.type_line("/nick rob");
    world.type_line("as rob");
    world.deliver_to_relay(usize::MAX);
    world.deliver_to_client(usize::MAX);
    assert_eq!(sent(&world), [Kind::Rename, Kind::Join]);
    world.run();
    assert_eq!(names(&world), ["peter", "rob"]);
    assert_eq!(world.log("lobby").len(), 1);
}

/// The refusal is of the name before, and the person wants another by now.
#[test]
fn a_nick_that_is_typed_before_a_refusal_is_asked_for_next() {
    let mut world = World::joined();
    world.relay.taken_names.push("peter".into());
    world.cut();
    world.step();
    world.type_line("/nick rob");
    world.run();
    assert_eq!((names(&world), refused(&world)), (vec!["rob"], vec![]));
}

#[test]
fn a_nick_that_is_refused_leaves_the_name_as_it_was() {
    let mut world = World::joined();
    world.relay.taken_names.push("bob".into());
    world.type_line("/nick bob");
    world.type_line("still here");
    world.run();
    assert_eq!((names(&world), refused(&world)), (vec![], vec!["bob"]));
    assert_eq!(world.log("lobby").len(), 1);
    world.relay.taken_names.clear();
    world.cut();
    world.run();
    assert_eq!(names(&world), ["peter"]);
}

/// Both answers are a `Refused` without a number, and each belongs to its question.
#[test]
fn a_room_and_a_name_that_are_refused_are_told_apart() {
    let mut world = World::joined();
    world.relay.taken_names.push("bob".into());
    world.relay.refused_rooms.push("bad".into());
    world.type_line("/join bad");
    world.type_line("/nick bob");
    world.type_line("lost");
    world.run();
    assert_eq!(refused(&world), ["bob"]);
    assert_eq!(world.chat.room(), Some("lobby"));
    let told = world
        .events
        .iter()
        .any(|event| matches!(event, Event::Unsent { why, .. } if why == "no room is called that"));
    assert!(told, "{:?}", world.events);
}

/// The connection breaks before the answer: the next one asks for the name.
#[test]
fn a_nick_without_an_answer_is_asked_for_again() {
    let mut world = World::joined();
    world.type_line("/nick rob");
    world.type_line("as rob");
    world.cut();
    world.run();
    assert_eq!(names(&world), ["rob"]);
    assert_eq!(world.log("lobby").len(), 1);
    world.relay.taken_names.push("bob".into());
    world.type_line("/nick bob");
    assert_eq!(sent(&world), [Kind::Rename]);
    world.cut();
    world.run();
    assert_eq!((names(&world), refused(&world)), (vec!["rob", "rob"], vec!["bob"]));
}

#[test]
fn a_name_that_a_broken_connection_still_holds_is_come_back_beside() {
    let mut world = World::joined();
    world.relay.taken_names.extend(["peter".into(), "peter-2".into()]);
    world.cut();
    world.run();
    assert_eq!(names(&world), ["peter-3"]);
    world.relay.taken_names.clear();
    world.cut();
    world.run();
    assert_eq!(names(&world), ["peter-3", "peter"]);
}
