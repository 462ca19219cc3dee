//! Simulated clients and seeds over the pure core: nothing is lost, repeated or seen in another order,
//! whatever people do and however slowly they read, and what waits for them is bounded.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod answers;
mod shared;
mod wire;

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use proto::{Change, Decoder, Ending, Header, Hello, Join, Kind, Leave, Message, Taken, Why};
use relay::{Behind, Dialect, Hub, Limits, Outlet as _, Said, Session};

use wire::Wire;

const CLIENTS: usize = 8;
const STEPS: usize = 1000;

/// How many bytes a client reads in each step that is slower than what is said.
const STEADY: usize = 1500;

/// What was said at a place in the order of a room: by whom, with which number, and what.
type Placed = (u32, u64, Bytes);

/// What a room's order is, as far as anybody has seen it.
type Orders = HashMap<(u32, u64), Placed>;

struct Client {
    session: Session,
    wire: Wire,
    input: Decoder,
    output: Decoder,
    /// The rooms that it is in, as it was told, with the place that the next frame has.
    rooms: HashMap<u32, u64>,
    next_id: u64,
    /// What it said and has had no answer to: in which room, and what.
    unanswered: HashMap<u64, (u32, Bytes)>,
    /// What it was told that was taken: in which room, in which place, and what.
    taken: Vec<(u32, u64, Placed)>,
    /// How many bytes it reads at a time, and one time in how many it does.
    pace: (usize, usize),
    told_too_slow: usize,
    is_held: bool,
}

impl Client {
    fn new(conn: u64, rng: &mut Rng) -> Self {
        let pace = *rng.choice(&[(100_000, 1), (STEADY, 1), (500_000, 20), (0, 1)]).unwrap();
        Self {
            session: Session::new(conn, proto::limits::MAX_FRAME_LENGTH),
            wire: Wire::new(),
            input: Decoder::default(),
            output: Decoder::default(),
            rooms: HashMap::new(),
            next_id: 1,
            unanswered: HashMap::new(),
            taken: Vec::new(),
            pace,
            told_too_slow: 0,
            is_held: false,
        }
    }

    /// Sends bytes, of which the relay reads all that are there.
    fn send(&mut self, hub: &mut Hub<Wire>, bytes: &[u8]) {
        self.input.push(bytes);
        self.is_held = self.take(hub);
    }

    /// Takes what was sent. Gives whether some of it must wait for those who are behind.
    fn take(&mut self, hub: &mut Hub<Wire>) -> bool {
        let mut behind = Behind::new();
        while let Some(taken) = self.input.take().unwrap() {
            match self.session.take(7, hub, &self.wire, taken, &mut behind) {
                Ok(Said::Done) => {}
                Ok(Said::Held) => {
                    assert!(!behind.is_empty(), "it is told for whom it waits");
                    return true;
                }
                Err(ending) => {
                    self.wire.end(ending);
                    return false;
                }
            }
        }
        false
    }

    fn ask(&mut self, hub: &mut Hub<Wire>, message: &Message) {
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes).unwrap();
        self.send(hub, &bytes);
    }

    /// Says some frames in rooms that it may or may not be in.
    fn speak(&mut self, hub: &mut Hub<Wire>, rng: &mut Rng) {
        let mut bytes = BytesMut::new();
        let (mut room, size) = (rng.u32(1..5), *rng.choice(&[0, 10, 300, 3000, 12_000]).unwrap());
        for _ in 0..rng.usize(1..12) {
            if rng.u8(..4) == 0 {
                room = rng.u32(1..5);
            }
            let mut header = Header::new(Kind::Data, room, self.next_id);
            (header.from, header.seq, header.time) = (rng.u32(..), rng.u64(..), rng.u64(..));
            let payload = vec![rng.u8(..); rng.usize(..=size)];
            header.encode(&payload, proto::limits::MAX_FRAME_LENGTH, &mut bytes).unwrap();
            self.unanswered.insert(self.next_id, (room, payload.into()));
            self.next_id += 1;
        }
        self.send(hub, &bytes);
    }

    /// Reads some bytes and checks what they say.
    fn read(&mut self, most: usize, orders: &mut Orders) -> bool {
        let bytes = self.wire.read(most);
        self.output.push(&bytes);
        let mut output = std::mem::take(&mut self.output);
        while let Some(taken) = output.take().unwrap() {
            match taken {
                Taken::Run(run) => {
                    for (header, payload) in run.iter() {
                        let next = self.rooms.get_mut(&header.room).expect("it is in the room");
                        assert_eq!(header.seq, *next, "room {}", header.room);
                        *next += 1;
                        assert_eq!(header.time, 7);
                        let said = (header.from, header.id, Bytes::copy_from_slice(payload));
                        let place = (header.room, header.seq);
                        let first = orders.entry(place).or_insert_with(|| said.clone());
                        assert_eq!(*first, said, "{place:?}");
                    }
                }
                Taken::Control(frame) => self.hear(Message::from_frame(&frame).unwrap()),
            }
        }
        self.output = output;
        !bytes.is_empty()
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Joined(joined) => {
                let next = joined.seq + 1 - u64::from(joined.past);
                assert!(joined.past <= 200);
                assert_eq!(joined.people[0].id, self.session.person().unwrap());
                let known = self.rooms.insert(joined.room, next);
                assert!(known.is_none_or(|known| known == next && joined.past == 0));
            }
            Message::Left(left) => assert!(self.rooms.remove(&left.room).is_some()),
            Message::Presence(presence) => {
                assert!(self.rooms.contains_key(&presence.room));
                if presence.ending.as_deref() == Some("TooSlow") {
                    assert_eq!(presence.change, Change::Left);
                    self.told_too_slow += 1;
                }
            }
            Message::Ack(ack) => {
                let me = self.session.person().unwrap();
                for (seq, id) in (ack.seq..).zip(ack.id..).take(ack.count as usize) {
                    let (room, said) = self.unanswered.remove(&id).expect("it is answered once");
                    assert_eq!(room, ack.room);
                    self.taken.push((room, seq, (me, id, said)));
                }
            }
            Message::Refused(refused) => {
                if let Some(id) = refused.id {
                    assert_eq!(refused.why, Why::NotJoined);
                    let (room, _) = self.unanswered.remove(&id).expect("it is answered once");
                    assert_eq!(Some(room), refused.room);
                }
            }
            Message::Welcome(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

impl Client {
    /// Everything that it said was taken or refused, when it has read everything.
    fn check_all_answered(&self) {
        assert!(self.unanswered.is_empty(), "{:?}", self.unanswered.keys());
    }

    /// What it was told that was taken is what everybody saw in that place, as it was said.
    fn check_taken(&self, orders: &Orders) -> usize {
        let seen = |(room, seq, said): &(u32, u64, Placed)| {
            let found = orders.get(&(*room, *seq));
            assert!(found.is_none_or(|found| found == said), "room {room}, place {seq}");
            found.is_some()
        };
        self.taken.iter().filter(|taken| seen(taken)).count()
    }
}

/// What a simulation came to, so that one that shows nothing is seen.
#[derive(Debug, Default)]
struct Tally {
    said: usize,
    held: usize,
    too_slow: usize,
    told: usize,
    at_the_end: usize,
    taken_and_seen: usize,
}

fn simulate(seed: u64) -> Tally {
    let mut rng = Rng::with_seed(seed);
    let mut hub = Hub::new(Limits { rooms: 6, ..Limits::default() }, 1);
    let mut orders = Orders::new();
    let mut clients: Vec<Client> = Vec::new();
    let mut tally = Tally::default();
    let mut conn = 0;
    for _ in 0..STEPS {
        if clients.len() < CLIENTS {
            conn += 1;
            let mut client = Client::new(conn, &mut rng);
            let features = vec!["ack".into()];
            let hello = Hello { version: 1, name: None, max_frame: 1 << 20, features };
            client.ask(&mut hub, &Message::Hello(hello));
            clients.push(client);
        }
        let at = rng.usize(..clients.len());
        let client = &mut clients[at];
        match rng.u8(..100) {
            0..10 => {
                let room = format!("room {}", rng.u8(..4));
                client.ask(&mut hub, &Message::Join(Join { room, listen: true }));
            }
            10..14 => client.ask(&mut hub, &Message::Leave(Leave { room: rng.u32(1..5) })),
            14 => {
                hub.leave(client.session.person().unwrap(), &Ending::PeerReset);
                tally.told += clients.swap_remove(at).told_too_slow;
            }
            _ => client.speak(&mut hub, &mut rng),
        }
        // Who waits does so for a step, and goes on waiting while something is taken.
        if clients.iter().any(|client| client.is_held) {
            tally.held += 1;
            let strained = clients.iter().filter(|client| client.wire.is_strained());
            strained.for_each(|client| client.wire.waited());
        }
        for client in clients.iter_mut().filter(|client| client.is_held) {
            client.is_held = client.take(&mut hub);
        }
        for client in &mut clients {
            let (most, every) = client.pace;
            if most > 0 && rng.usize(..every) == 0 {
                client.read(most, &mut orders);
            }
        }
        clients.retain(|client| {
            let Some(ending) = client.wire.ending() else { return true };
            assert_eq!(ending, Ending::TooSlow);
            assert_ne!(client.pace, (STEADY, 1), "it was taken for one that does not read");
            // Where its own answers were too much for it, the hub has yet to be told.
            hub.leave(client.session.person().unwrap(), &ending);
            tally.too_slow += 1;
            tally.told += client.told_too_slow;
            false
        });
    }
    // Everybody reads to the end, and has then seen the same.
    let mut last: HashMap<u32, u64> = HashMap::new();
    loop {
        for client in &mut clients {
            while client.read(usize::MAX, &mut orders) {}
        }
        let Some(held) = clients.iter_mut().find(|client| client.is_held) else { break };
        held.is_held = held.take(&mut hub);
    }
    for client in &mut clients {
        for (&room, &next) in &client.rooms {
            assert_eq!(*last.entry(room).or_insert(next), next, "room {room}");
        }
        tally.at_the_end += client.rooms.len();
        tally.told += client.told_too_slow;
        assert_eq!(client.wire.pinned(), 0);
        client.check_all_answered();
    }
    for client in &clients {
        tally.taken_and_seen += client.check_taken(&orders);
    }
    tally.said = orders.len();
    tally
}

#[test]
fn every_member_sees_one_order_without_a_gap_or_a_repeat() {
    let mut all = Tally::default();
    for seed in 0..12 {
        let tally = simulate(seed);
        all.said += tally.said;
        all.held += tally.held;
        all.too_slow += tally.too_slow;
        all.told += tally.told;
        all.at_the_end += tally.at_the_end;
        all.taken_and_seen += tally.taken_and_seen;
    }
    // The simulation shows what it is for.
    assert!(all.said > 10_000 && all.held > 100 && all.too_slow > 30, "{all:?}");
    assert!(all.told > all.too_slow && all.at_the_end > 100, "{all:?}");
    assert!(all.taken_and_seen > 1000, "{all:?}");
}

#[test]
fn a_room_that_is_empty_makes_way_and_numbers_are_given_out_once() {
    let mut hub = Hub::new(Limits { rooms: 2, rooms_each: 2, ..Limits::default() }, 1);
    let (a, b) = (Wire::new(), Wire::new());
    let frames = Dialect::Frames;
    let a_id = hub.enter(1, &a, frames, Some("a")).unwrap();
    let b_id = hub.enter(2, &b, frames, Some("b")).unwrap();
    let one = hub.join(a_id, "one", true).unwrap();
    let two = hub.join(b_id, "two", true).unwrap();
    assert_eq!(hub.join(a_id, "ONE", true), Ok(one), "it looks the same");
    assert_eq!(hub.join(a_id, "three", true).unwrap_err().why, Why::TooManyRooms);
    assert!(hub.part(b_id, two));
    assert!(!hub.part(b_id, two));
    let three = hub.join(a_id, "three", true).unwrap();
    assert!(three > two);
    assert_eq!(hub.rooms(), 2);
    assert_eq!(hub.join(a_id, "four", true).unwrap_err().why, Why::TooManyRooms);
    hub.leave(a_id, &Ending::PeerFin);
    assert!(hub.enter(3, &a, frames, Some("a")).unwrap() > b_id);
}

#[test]
fn people_members_and_rooms_of_one_person_are_bounded() {
    let limits = Limits { people: 3, members: 1, rooms_each: 1, ..Limits::default() };
    let mut hub = Hub::new(limits, 1);
    let wire = Wire::new();
    let mut enter = |name| hub.enter(1, &wire, Dialect::Frames, Some(name));
    let ids = [enter("a").unwrap(), enter("b").unwrap(), enter("c").unwrap()];
    assert_eq!(enter("d").unwrap_err().why, Why::Other);
    assert!(hub.join(ids[0], "room", true).is_ok());
    assert_eq!(hub.join(ids[1], "room", true).unwrap_err().why, Why::RoomFull);
    assert_eq!(hub.join(ids[0], "another", true).unwrap_err().why, Why::TooManyRooms);
    assert_eq!(hub.join(ids[2], "", true).unwrap_err().why, Why::RoomBad);
}

#[test]
fn people_for_whom_joined_has_no_room_are_told_of_one_by_one() {
    let mut hub = Hub::new(Limits::default(), 1);
    let wire = Wire::new();
    let mut ids = Vec::new();
    for n in 0..1500 {
        let id = hub.enter(n, &wire, Dialect::Frames, Some(&format!("somebody {n}"))).unwrap();
        hub.join(id, "room", false).unwrap();
        while !wire.read(usize::MAX).is_empty() {}
        ids.push(id);
    }
    let listener = Wire::new();
    let me = hub.enter(0, &listener, Dialect::Frames, None).unwrap();
    hub.join(me, "room", true).unwrap();
    let mut decoder = Decoder::default();
    loop {
        let bytes = listener.read(usize::MAX);
        if bytes.is_empty() {
            break;
        }
        decoder.push(&bytes);
    }
    let (mut told, mut listed) = (Vec::new(), 0);
    while let Some(frame) = decoder.take_frame().unwrap() {
        match Message::from_frame(&frame).unwrap() {
            Message::Joined(joined) => {
                listed = joined.people.len();
                told.extend(joined.people.iter().map(|person| person.id));
            }
            Message::Presence(presence) => told.push(presence.person.id),
            other => panic!("{other:?}"),
        }
    }
    assert!((500..1400).contains(&listed), "{listed}");
    ids.push(me);
    assert_eq!(told.len(), ids.len());
    told.sort_unstable();
    assert!(told == ids, "{:?}", ids.iter().filter(|id| !told.contains(id)).collect::<Vec<_>>());
}
