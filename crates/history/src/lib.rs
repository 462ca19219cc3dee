//! Checks what the clients of a relay saw.
//!
//! Each client tells what it said, what of that was acknowledged, and what it received, in its order.
//! [`check`] looks at all of them together and names everything that a relay must not do:
//!
//! | promise | [`Violation`] |
//! |---|---|
//! | no place in a room's order is left out | [`Violation::Gap`] |
//! | none comes twice, and none goes back | [`Violation::Repeat`], [`Violation::Backwards`] |
//! | one order for everybody | [`Violation::TwoOrders`] |
//! | what was said once has one place | [`Violation::Twice`] |
//! | what was acknowledged arrives | [`Violation::Lost`] |
//! | what arrives was said, and is unchanged | [`Violation::NobodySaid`], [`Violation::Changed`] |
//!
//! ```
//! use history::{Acknowledged, Client, Frame, check};
//!
//! let hello = Frame { room: 1, seq: 1, from: 7, id: 1, payload: b"hello".to_vec() };
//! let alice = Client {
//!     name: "alice".into(),
//!     person: 7,
//!     said: vec![(1, 1, b"hello".to_vec())],
//!     acknowledged: vec![Acknowledged { room: 1, id: 1, seq: 1 }],
//!     received: vec![hello.clone()],
//!     stayed: true,
//! };
//! let bob = Client { name: "bob".into(), person: 8, received: vec![hello], stayed: true, ..Client::default() };
//! assert_eq!(check(&[alice, bob]), []);
//! ```
//!
//! What people heard who talk without a relay, over datagrams, is for [`datagrams`].

pub mod datagrams;

use std::collections::{BTreeMap, HashMap, HashSet};

use thiserror::Error;

/// A frame as a client received it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The room's number.
    pub room: u32,
    /// Its place in the room's order.
    pub seq: u64,
    /// Who said it.
    pub from: u32,
    /// The sender's number for it.
    pub id: u64,
    /// What was said.
    pub payload: Vec<u8>,
}

/// A frame that the relay took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The room's number.
    pub room: u32,
    /// The sender's number for it.
    pub id: u64,
    /// The place that it got.
    pub seq: u64,
}

/// What one client did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// What a report calls it.
    pub name: String,
    /// The number that it goes by in `from`.
    pub person: u32,
    /// What it said: room, its own number, payload.
    pub said: Vec<(u32, u64, Vec<u8>)>,
    /// What of that was acknowledged.
    pub acknowledged: Vec<Acknowledged>,
    /// What it received, in the order in which it did.
    pub received: Vec<Frame>,
    /// Whether it stayed to the end in every room that it received something of, so that everything
    /// acknowledged must have reached it.
    pub stayed: bool,
}

/// Something that a relay must not do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// A client was given a place and then one further on, without those between.
    #[error("{client}, room {room}: {next} came after {after}")]
    Gap {
        /// Who.
        client: String,
        /// The room.
        room: u32,
        /// The place before.
        after: u64,
        /// The place that came next.
        next: u64,
    },
    /// A client was given the same place twice in a row.
    #[error("{client}, room {room}: {seq} came twice")]
    Repeat {
        /// Who.
        client: String,
        /// The room.
        room: u32,
        /// The place.
        seq: u64,
    },
    /// A client was given a place that is before the one that it had.
    #[error("{client}, room {room}: {next} came after {after}")]
    Backwards {
        /// Who.
        client: String,
        /// The room.
        room: u32,
        /// The place before.
        after: u64,
        /// The place that came next.
        next: u64,
    },
    /// Two clients were given different frames at one place.
    #[error("room {room}: at {seq} {one} and {other} got different frames")]
    TwoOrders {
        /// The room.
        room: u32,
        /// The place.
        seq: u64,
        /// The first client that got a frame there.
        one: String,
        /// The one that got another.
        other: String,
    },
    /// What was said once stands at two places: a resend was taken for another frame.
    #[error("{client}, room {room}: number {id} of {from} came at {first} and again at {again}")]
    Twice {
        /// Who got both.
        client: String,
        /// The room.
        room: u32,
        /// Who said it.
        from: u32,
        /// The sender's number for it.
        id: u64,
        /// The first place.
        first: u64,
        /// The other one.
        again: u64,
    },
    /// A frame was acknowledged and did not reach somebody who was there.
    #[error("{client}, room {room}: {seq}, which {sender} was told is taken, never came")]
    Lost {
        /// Who did not get it.
        client: String,
        /// The room.
        room: u32,
        /// The place that it was given.
        seq: u64,
        /// Who said it.
        sender: String,
    },
    /// A frame has the number of one that was said, and says something else, or stands at another place
    /// than its sender was told.
    #[error("{client}, room {room}: {seq} is not what its sender said")]
    Changed {
        /// Who got it.
        client: String,
        /// The room.
        room: u32,
        /// Its place.
        seq: u64,
    },
    /// A frame comes from nobody who is known to have said it.
    #[error("{client}, room {room}: {seq} was said by nobody")]
    NobodySaid {
        /// Who got it.
        client: String,
        /// The room.
        room: u32,
        /// Its place.
        seq: u64,
    },
}

/// Looks at everything that the clients saw, and gives what is not as it must be, in no special order.
///
/// Every sender must be among the clients: what comes from anybody else was said by nobody.
pub fn check(clients: &[Client]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let spoken = Spoken::of(clients);
    for client in clients {
        places_in_order(client, &mut violations);
        said_once(client, &mut violations);
        frames_were_said(client, &spoken, &mut violations);
        acknowledged_arrived(client, clients, &mut violations);
    }
    one_order(clients, &mut violations);
    violations
}

fn places_in_order(client: &Client, violations: &mut Vec<Violation>) {
    let mut last: HashMap<u32, u64> = HashMap::new();
    for frame in &client.received {
        let (room, next, name) = (frame.room, frame.seq, || client.name.clone());
        match last.insert(room, next) {
            Some(after) if next == after => {
                violations.push(Violation::Repeat { client: name(), room, seq: next });
            }
            Some(after) if next < after => {
                violations.push(Violation::Backwards { client: name(), room, after, next });
            }
            Some(after) if next > after + 1 => {
                violations.push(Violation::Gap { client: name(), room, after, next });
            }
            _ => {}
        }
    }
}

fn said_once(client: &Client, violations: &mut Vec<Violation>) {
    let mut places: HashMap<(u32, u32, u64), u64> = HashMap::new();
    for &Frame { room, seq, from, id, .. } in &client.received {
        let first = *places.entry((room, from, id)).or_insert(seq);
        if first != seq {
            let client = client.name.clone();
            violations.push(Violation::Twice { client, room, from, id, first, again: seq });
        }
    }
}

/// What was said and acknowledged, found by who, where, and the sender's number.
struct Spoken<'a> {
    said: HashMap<(u32, u32, u64), &'a [u8]>,
    told: HashMap<(u32, u32, u64), u64>,
}

impl<'a> Spoken<'a> {
    fn of(clients: &'a [Client]) -> Self {
        let (mut said, mut told) = (HashMap::new(), HashMap::new());
        for client in clients {
            let person = client.person;
            said.extend(client.said.iter().map(|(room, id, payload)| {
                let payload: &[u8] = payload;
                ((person, *room, *id), payload)
            }));
            let places = client.acknowledged.iter();
            told.extend(places.map(|place| ((person, place.room, place.id), place.seq)));
        }
        Self { said, told }
    }
}

fn frames_were_said(client: &Client, spoken: &Spoken<'_>, violations: &mut Vec<Violation>) {
    for frame in &client.received {
        let (room, seq, name) = (frame.room, frame.seq, client.name.clone());
        let number = (frame.from, room, frame.id);
        let Some(payload) = spoken.said.get(&number) else {
            violations.push(Violation::NobodySaid { client: name, room, seq });
            continue;
        };
        let is_elsewhere = spoken.told.get(&number).is_some_and(|told| *told != seq);
        if *payload != frame.payload || is_elsewhere {
            violations.push(Violation::Changed { client: name, room, seq });
        }
    }
}

fn acknowledged_arrived(client: &Client, clients: &[Client], violations: &mut Vec<Violation>) {
    if !client.stayed {
        return;
    }
    let mut first: HashMap<u32, u64> = HashMap::new();
    let came: HashSet<_> = client.received.iter().map(|frame| (frame.room, frame.seq)).collect();
    for frame in &client.received {
        let earliest = first.entry(frame.room).or_insert(frame.seq);
        *earliest = (*earliest).min(frame.seq);
    }
    for sender in clients {
        for told in &sender.acknowledged {
            let was_there = first.get(&told.room).is_some_and(|first| told.seq >= *first);
            if was_there && !came.contains(&(told.room, told.seq)) {
                violations.push(Violation::Lost {
                    client: client.name.clone(),
                    room: told.room,
                    seq: told.seq,
                    sender: sender.name.clone(),
                });
            }
        }
    }
}

fn one_order(clients: &[Client], violations: &mut Vec<Violation>) {
    let mut first_seen: BTreeMap<(u32, u64), (&str, &Frame)> = BTreeMap::new();
    for client in clients {
        for frame in &client.received {
            let place = (frame.room, frame.seq);
            let (one, seen) = *first_seen.entry(place).or_insert((&client.name, frame));
            if seen != frame {
                violations.push(Violation::TwoOrders {
                    room: frame.room,
                    seq: frame.seq,
                    one: one.to_owned(),
                    other: client.name.clone(),
                });
            }
        }
    }
}
