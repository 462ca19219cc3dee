//! Whatever happens: every line that was typed was taken, or the person was told that it was not.

use std::collections::BTreeMap;
use std::time::Duration;

use chat::{Event, Settings, Step};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::relay::World;

#[derive(Clone, Debug)]
enum Act {
    Type(u8),
    Join(u8),
    Nick(u8),
    Other(u8),
    ToRelay(usize),
    ToClient(usize),
    Step,
    Cut,
    Fail,
    Pass(u64),
    TakeName(u8),
    RefuseRoom(u8),
    FreeNames,
    EndInput,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => any::<u8>().prop_map(Act::Type),
        2 => (0..3_u8).prop_map(Act::Join),
        1 => (0..3_u8).prop_map(Act::Nick),
        3 => (0..3_u8).prop_map(Act::Other),
        8 => (1..5_usize).prop_map(Act::ToRelay),
        8 => (1..5_usize).prop_map(Act::ToClient),
        8 => Just(Act::Step),
        3 => Just(Act::Cut),
        1 => Just(Act::Fail),
        2 => (0..3000_u64).prop_map(Act::Pass),
        1 => (0..3_u8).prop_map(Act::TakeName),
        1 => (0..3_u8).prop_map(Act::RefuseRoom),
        1 => Just(Act::FreeNames),
        1 => Just(Act::EndInput),
    ]
}

const ROOMS: [&str; 3] = ["lobby", "ops", "小屋"];
const NAMES: [&str; 3] = ["peter", "bob", "小明"];

fn perform(world: &mut World, act: &Act, typed: &mut u64) {
    match *act {
        Act::Type(n) => {
            // Each line is another, so that lines can be told apart in the relay's log.
            *typed += 1;
            world.type_line(&format!("{typed} {n}"));
        }
        Act::Join(room) => world.type_line(&format!("/join {}", ROOMS[usize::from(room)])),
        Act::Nick(name) => world.type_line(&format!("/nick {}", NAMES[usize::from(name)])),
        Act::Other(room) => world.other_says(ROOMS[usize::from(room)], 900, "other"),
        Act::ToRelay(most) => _ = world.deliver_to_relay(most),
        Act::ToClient(most) => _ = world.deliver_to_client(most),
        Act::Step => world.step(),
        Act::Cut if world.is_connected() => world.cut(),
        Act::Fail if !world.is_connected() => world.chat.not_connected(),
        Act::Cut | Act::Fail => {}
        Act::Pass(millis) => world.pass(Duration::from_millis(millis)),
        Act::TakeName(name) => world.relay.taken_names.push(NAMES[usize::from(name)].into()),
        Act::RefuseRoom(room) => world.relay.refused_rooms.push(ROOMS[usize::from(room)].into()),
        Act::FreeNames => {
            world.relay.taken_names.clear();
            world.relay.refused_rooms.clear();
        }
        Act::EndInput => world.chat.input_ended(world.now),
    }
    world.collect();
}

proptest! {
    #[test]
    fn typed_is_taken_or_told(acts in vec(act(), 0..120)) {
        let mut world = World::new(Settings { name: Some("peter".into()), ..Settings::default() });
        let mut typed = 0;
        for act in &acts {
            perform(&mut world, act, &mut typed);
        }
        world.chat.input_ended(world.now);
        world.collect();
        for _ in 0..10_000 {
            if world.is_over() {
                break;
            }
            world.step();
            world.deliver_to_relay(usize::MAX);
            world.deliver_to_client(usize::MAX);
            world.pass(Duration::from_millis(100));
        }
        let Step::Over(outcome) = world.chat.step() else { panic!("it never ends") };
        prop_assert!(world.chat.unsent().is_empty());

        let (mut taken, mut told, mut shown) = (BTreeMap::new(), 0, BTreeMap::new());
        for event in &world.events {
            match event {
                Event::Sent { id, text, room, .. } => {
                    prop_assert_eq!(taken.insert(*id, (room.clone(), text.clone())), None);
                }
                Event::Unsent { .. } => told += 1,
                Event::Notice(notice) => told += u64::from(notice.is_loss()),
                Event::Said(said) if said.own && !said.again => {
                    *shown.entry(said.id).or_insert(0) += 1;
                }
                _ => {}
            }
        }
        prop_assert_eq!(outcome.taken, taken.len() as u64);
        prop_assert_eq!(outcome.unsent, told);
        prop_assert_eq!(typed, outcome.taken + outcome.unsent);

        // What is said to be taken was taken, once, in its room, with its text.
        for (id, (room, text)) in &taken {
            let log = world.log(room);
            let copies = log.iter().filter(|frame| frame.header.from != 900 && frame.header.id == *id);
            let copies: Vec<_> = copies.map(|frame| frame.payload.to_vec()).collect();
            prop_assert_eq!(&copies, &[text.clone().into_bytes()]);
        }
        // Nothing of ours is shown twice, unless the room was left and entered again.
        if !acts.iter().any(|act| matches!(act, Act::Join(_))) {
            for (id, times) in shown {
                prop_assert_eq!(times, 1, "line {} was shown {} times", id, times);
            }
        }
    }
}
