//! Names: those that the relay refuses, and a change of name.

use chat::{Event, Notice, Settings, Step};

use crate::relay::World;

fn names(world: &World) -> Vec<&str> {
    let name = |event: &'_ Event| matches!(event, Event::Welcome { .. });
    world
        .events
        .iter()
        .filter(|event| name(event))
        .map(|event| match event {
            Event::Welcome { name, .. } => name.as_str(),
            _ => "",
        })
        .collect()
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
fn nick_goes_and_comes_back_and_loses_nothing() {
    let mut world = World::joined();
    world.type_line("as peter");
    world.type_line("/nick rob");
    world.type_line("as rob");
    world.run();
    assert_eq!(names(&world), ["rob"]);
    let log = world.log("lobby");
    let froms: Vec<_> = log.iter().map(|frame| frame.header.from).collect();
    assert_eq!(froms, [1, 2]);
    let told_late = world.events.iter().any(|event| matches!(event, Event::Waiting { .. }));
    assert!(!told_late, "{:?}", world.events);
}

#[test]
fn a_nick_that_is_refused_leaves_the_name_as_it_was() {
    let mut world = World::joined();
    world.relay.taken_names.push("bob".into());
    world.type_line("/nick bob");
    world.run();
    assert_eq!(names(&world), ["peter"]);
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
