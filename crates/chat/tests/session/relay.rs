//! A relay as small as docs/protocol.md allows, for one client, and the wires between the two.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chat::{Chat, Event, Line, Settings, Step};
use proto::limits::MAX_FRAME_LENGTH;
use proto::{
    Ack, Change, Decoder, Frame, Header, Joined, Kind, Message, Person, Presence, Refused, Rename,
    Welcome, Why,
};

/// How many frames of the past the relay keeps.
pub(crate) const PAST: usize = 200;

/// The rooms and people of a relay, which outlive connections.
#[derive(Default)]
pub(crate) struct Relay {
    pub(crate) rooms: Vec<(String, Vec<Frame>)>,
    pub(crate) taken_names: Vec<String>,
    pub(crate) refused_rooms: Vec<String>,
    /// Which count of numbers this is.
    pub(crate) epoch: u64,
    /// The number that was given out last.
    pub(crate) last_person: u32,
    clock: u64,
}

/// A relay, a chat, and what is under way between them.
pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) chat: Chat,
    pub(crate) now: Duration,
    /// Every event so far.
    pub(crate) events: Vec<Event>,
    pub(crate) to_relay: VecDeque<Frame>,
    pub(crate) to_client: VecDeque<Frame>,
    decoder: Decoder,
    connected: bool,
    me: Option<(u32, String)>,
    in_rooms: Vec<usize>,
}

pub(crate) fn frame(message: &Message) -> Frame {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).unwrap();
    let mut decoder = Decoder::default();
    decoder.push(&bytes);
    decoder.take_frame().unwrap().unwrap()
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            relay: Relay::default(),
            chat: Chat::new(settings),
            now: Duration::ZERO,
            events: Vec::new(),
            to_relay: VecDeque::new(),
            to_client: VecDeque::new(),
            decoder: Decoder::default(),
            connected: false,
            me: None,
            in_rooms: Vec::new(),
        }
    }

    /// A chat of somebody called peter, connected and in its room.
    pub(crate) fn joined() -> Self {
        let mut world = Self::new(Settings { name: Some("peter".into()), ..Settings::default() });
        world.run();
        world.events.clear();
        world
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        self.chat.typed(self.now, Line::Text(line.into()));
        self.collect();
    }

    /// Lets everything happen that needs no time.
    pub(crate) fn run(&mut self) {
        for _ in 0..10_000 {
            self.step();
            let moved = self.deliver_to_relay(usize::MAX) + self.deliver_to_client(usize::MAX);
            let idle = self.to_relay.is_empty() && self.to_client.is_empty();
            let settled = !matches!(self.chat.step(), Step::Connect | Step::HangUp);
            if moved == 0 && idle && settled {
                return;
            }
        }
        panic!("they talk for ever");
    }

    /// What a driver does at once: connect, and hang up when everything is said.
    pub(crate) fn step(&mut self) {
        match self.chat.step() {
            Step::Connect if !self.connected => self.connect(),
            // A connection that is of no use.
            Step::Connect => self.cut(),
            Step::HangUp if self.to_relay.is_empty() && self.to_client.is_empty() => {
                self.cut_because("");
            }
            _ => {}
        }
    }

    pub(crate) fn connect(&mut self) {
        self.connected = true;
        self.decoder = Decoder::default();
        self.chat.connected(self.now);
        self.collect();
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// The connection breaks, and everything under way is lost.
    pub(crate) fn cut(&mut self) {
        self.cut_because("connection reset");
    }

    fn cut_because(&mut self, why: &str) {
        self.connected = false;
        self.to_relay.clear();
        self.to_client.clear();
        self.me = None;
        self.in_rooms.clear();
        self.chat.disconnected(self.now, why);
        self.collect();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        while self.chat.timeout().is_some_and(|at| at <= self.now) && !self.is_over() {
            self.chat.tick(self.now);
            self.collect();
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.chat.step(), Step::Over(_))
    }

    /// The relay forgets everything, as one that restarts does.
    pub(crate) fn restart_relay(&mut self) {
        self.cut();
        self.relay.rooms.clear();
        self.relay.last_person = 0;
        self.relay.epoch += 1;
    }

    pub(crate) fn deliver_to_relay(&mut self, most: usize) -> usize {
        let count = self.to_relay.len().min(most);
        for frame in self.to_relay.drain(..count).collect::<Vec<_>>() {
            self.relay_takes(&frame);
        }
        count
    }

    pub(crate) fn deliver_to_client(&mut self, most: usize) -> usize {
        let count = self.to_client.len().min(most);
        for frame in self.to_client.drain(..count).collect::<Vec<_>>() {
            if self.chat.frame(self.now, &frame).is_err() {
                self.cut();
                return count;
            }
            self.collect();
        }
        count
    }

    /// Somebody else says something.
    pub(crate) fn other_says(&mut self, room: &str, from: u32, text: &str) {
        self.other_says_as(room, from, 1, text);
    }

    /// Somebody else says something under this number of his own.
    pub(crate) fn other_says_as(&mut self, room: &str, from: u32, id: u64, text: &str) {
        let index = self.relay.room(room);
        let header = Header { from, ..Header::new(Kind::Data, 0, id) };
        self.data(index, header, Bytes::copy_from_slice(text.as_bytes()));
    }

    pub(crate) fn relay_says(&mut self, message: &Message) {
        self.to_client.push_back(frame(message));
    }

    /// All frames of a room that the relay has.
    pub(crate) fn log(&self, room: &str) -> Vec<Frame> {
        let found = self.relay.rooms.iter().find(|(name, _)| name == room);
        found.map(|(_, log)| log.clone()).unwrap_or_default()
    }

    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.chat.event() {
            self.events.push(event);
        }
        while let Some(bytes) = self.chat.transmit() {
            self.decoder.push(&bytes);
        }
        while let Some(frame) = self.decoder.take_frame().unwrap() {
            if self.connected {
                self.to_relay.push_back(frame);
            }
        }
    }

    fn relay_takes(&mut self, frame: &Frame) {
        if frame.header.kind == Kind::Data {
            let (from, _) = self.me.clone().unwrap();
            let index = frame.header.room as usize - 1;
            assert!(self.in_rooms.contains(&index), "it speaks to a room that it is not in");
            assert!((frame.header.from, frame.header.seq, frame.header.time) == (0, 0, 0));
            let seq = self.relay.rooms[index].1.len() as u64 + 1;
            let (room, id) = (frame.header.room, frame.header.id);
            self.relay_says(&Message::Ack(Ack { room, id, count: 1, seq }));
            self.data(index, Header { from, ..frame.header }, frame.payload.clone());
            return;
        }
        match Message::from_frame(frame).unwrap() {
            Message::Hello(hello) => {
                assert_eq!(self.me, None, "a second hello");
                assert_eq!(hello.features, ["ack"]);
                self.relay.last_person += 1;
                let you = self.relay.last_person;
                let name = hello.name.unwrap_or_else(|| format!("guest-{you}"));
                if self.relay.taken_names.contains(&name) {
                    return self.refuse(Why::NameTaken, "somebody goes by it");
                }
                self.me = Some((you, name.clone()));
                let max_frame = MAX_FRAME_LENGTH;
                let (epoch, features) = (self.relay.epoch, vec![]);
                let welcome = Welcome { version: 1, you, name, epoch, max_frame, features };
                self.relay_says(&Message::Welcome(welcome));
            }
            Message::Rename(rename) => self.rename(rename),
            Message::Join(join) => self.join(&join.room),
            Message::Leave(leave) => {
                let index = leave.room as usize - 1;
                assert!(self.in_rooms.contains(&index), "it leaves a room that it is not in");
                self.in_rooms.retain(|&room| room != index);
            }
            Message::Goodbye(_) => {}
            other => panic!("a client sends no {other:?}"),
        }
    }

    fn rename(&mut self, rename: Rename) {
        if self.relay.taken_names.contains(&rename.name) {
            return self.refuse(Why::NameTaken, "somebody goes by it");
        }
        let (you, name) = self.me.as_mut().unwrap();
        name.clone_from(&rename.name);
        let you = *you;
        for index in self.in_rooms.clone() {
            self.presence(number(index), you, &rename.name, Change::Renamed);
        }
        self.relay_says(&Message::Rename(rename));
    }

    fn join(&mut self, name: &str) {
        if self.relay.refused_rooms.iter().any(|room| room == name) {
            return self.refuse(Why::RoomBad, "no room is called that");
        }
        let (id, my_name) = self.me.clone().unwrap();
        let index = self.relay.room(name);
        if !self.in_rooms.contains(&index) {
            self.in_rooms.push(index);
        }
        let log = self.relay.rooms[index].1.clone();
        let past = &log[log.len().saturating_sub(PAST)..];
        let joined = Joined {
            room: number(index),
            name: self.relay.rooms[index].0.clone(),
            seq: log.len() as u64,
            past: past.len().try_into().unwrap(),
            people: vec![Person { id, name: my_name }],
        };
        self.relay_says(&Message::Joined(joined));
        self.to_client.extend(past.iter().cloned());
    }

    fn data(&mut self, index: usize, header: Header, payload: Bytes) {
        self.relay.clock += 1;
        let log = &mut self.relay.rooms[index].1;
        let seq = log.len() as u64 + 1;
        let header = Header { room: number(index), seq, time: self.relay.clock, ..header };
        let frame = Frame { header, payload };
        log.push(frame.clone());
        if self.in_rooms.contains(&index) {
            self.to_client.push_back(frame);
        }
    }

    pub(crate) fn presence(&mut self, room: u32, id: u32, name: &str, change: Change) {
        let person = Person { id, name: name.into() };
        self.relay_says(&Message::Presence(Presence { room, person, change, ending: None }));
    }

    pub(crate) fn refuse(&mut self, why: Why, reason: &str) {
        let refused = Refused { why, reason: reason.into(), room: None, id: None };
        self.relay_says(&Message::Refused(refused));
    }
}

impl Relay {
    fn room(&mut self, name: &str) -> usize {
        let name = name.to_lowercase();
        if let Some(index) = self.rooms.iter().position(|(other, _)| *other == name) {
            return index;
        }
        self.rooms.push((name, Vec::new()));
        self.rooms.len() - 1
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap() + 1
}
