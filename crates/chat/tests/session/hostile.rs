//! A relay that sends anything at all: no panic, no growth, and lines are still accounted for.

use bytes::Bytes;
use chat::{Chat, Event, Line, Settings, Step};
use proptest::collection::vec;
use proptest::prelude::*;
use proto::{
    Ack, Change, Frame, Goodbye, Header, Hello, Join, Joined, Kind, Leave, Left, Message, Person,
    Presence, Refused, Rename, Welcome, Why,
};
use std::time::Duration;

use crate::relay::frame;

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![0..4_u32, Just(u32::MAX)]
}

fn long() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, any::<u64>(), Just(u64::MAX)]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("lobby".to_owned()), Just("Lobby".to_owned()), ".{0,8}"]
}

fn person() -> impl Strategy<Value = Person> {
    (small(), name()).prop_map(|(id, name)| Person { id, name })
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (small(), name(), small()).prop_map(|(you, name, max_frame)| Message::Welcome(Welcome {
            version: 1,
            you,
            name,
            epoch: 0,
            max_frame,
            features: vec![],
        })),
        (small(), long(), small(), long()).prop_map(|(room, id, count, seq)| Message::Ack(Ack {
            room,
            id,
            count,
            seq
        })),
        name().prop_map(|ending| Message::Goodbye(Goodbye { ending, reason: String::new() })),
        (small(), name(), long(), small(), vec(person(), 0..3)).prop_map(
            |(room, name, seq, past, people)| Message::Joined(Joined {
                room,
                name,
                seq,
                past,
                people
            })
        ),
        small().prop_map(|room| Message::Left(Left { room })),
        (small(), person(), 0..3_usize).prop_map(|(room, person, change)| {
            let change = [Change::Joined, Change::Left, Change::Renamed][change];
            Message::Presence(Presence { room, person, change, ending: None })
        }),
        (0..4_usize, proptest::option::of(long())).prop_map(|(why, id)| {
            let why = [Why::NameTaken, Why::NameBad, Why::NotJoined, Why::Other][why];
            Message::Refused(Refused { why, reason: "no".into(), room: None, id })
        }),
        name().prop_map(|name| Message::Hello(Hello {
            version: 1,
            name: Some(name),
            max_frame: 0,
            features: vec![],
        })),
        name().prop_map(|name| Message::Rename(Rename { name })),
        name().prop_map(|room| Message::Join(Join { room, listen: false })),
        small().prop_map(|room| Message::Leave(Leave { room })),
    ]
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let data = (small(), small(), long(), long(), long(), vec(any::<u8>(), 0..5)).prop_map(
        |(room, from, seq, time, id, payload)| Frame {
            header: Header { from, seq, time, ..Header::new(Kind::Data, room, id) },
            payload: Bytes::from(payload),
        },
    );
    let broken = (0..Kind::ALL.len(), vec(any::<u8>(), 0..5)).prop_map(|(kind, payload)| Frame {
        header: Header::new(Kind::ALL[kind], 0, 0),
        payload: Bytes::from(payload),
    });
    prop_oneof![6 => message().prop_map(|message| frame(&message)), 3 => data, 1 => broken]
}

#[derive(Clone, Debug)]
enum Act {
    Frame(Frame),
    Type(String),
    Connected,
    Disconnected,
    Tick(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        10 => any_frame().prop_map(Act::Frame),
        3 => prop_oneof![".{1,6}", "/[a-z]{0,5} ?[a-z]{0,3}"].prop_map(Act::Type),
        2 => Just(Act::Connected),
        1 => Just(Act::Disconnected),
        1 => (0..20_000_u64).prop_map(Act::Tick),
    ]
}

proptest! {
    #[test]
    fn a_relay_may_send_anything(acts in vec(act(), 0..150)) {
        let mut chat = Chat::new(Settings { last_wait: Duration::from_secs(1), ..Settings::default() });
        let (mut now, mut kept, mut taken, mut told) = (Duration::ZERO, 0, 0, 0);
        let mut count = |chat: &mut Chat| {
            while let Some(event) = chat.event() {
                match event {
                    Event::Sent { .. } => taken += 1,
                    Event::Unsent { .. } => told += 1,
                    _ => {}
                }
            }
            (taken, told)
        };
        for act in acts {
            match act {
                Act::Frame(frame) => {
                    if chat.frame(now, &frame).is_err() {
                        chat.disconnected(now, "protocol error");
                    }
                }
                Act::Type(text) => {
                    let before = chat.unsent().len() as u64 + count(&mut chat).0 + count(&mut chat).1;
                    chat.typed(now, Line::Text(text));
                    let after = chat.unsent().len() as u64 + count(&mut chat).0 + count(&mut chat).1;
                    kept += after - before;
                }
                Act::Connected => chat.connected(now),
                Act::Disconnected => chat.disconnected(now, "reset"),
                Act::Tick(millis) => {
                    now += Duration::from_millis(millis);
                    chat.tick(now);
                }
            }
            while chat.transmit().is_some() {}
            count(&mut chat);
        }
        chat.input_ended(now);
        chat.tick(now + Duration::from_secs(30));
        chat.tick(now + Duration::from_secs(60));
        prop_assert!(matches!(chat.step(), Step::Over(_)), "{:?}", chat.step());
        let (taken, told) = count(&mut chat);
        prop_assert_eq!(taken + told, kept);
        prop_assert_eq!(chat.outcome().taken, taken);
    }
}
