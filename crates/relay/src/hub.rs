//! The people, the rooms, and what they do to each other.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use proto::{Ending, Run, Why};

use crate::control;
use crate::limits::Limits;
use crate::names::Name;
use crate::outlet::{Behind, Dialect, Outlet};
use crate::refusal::Refusal;
use crate::room::{Pressure, Room};

/// Everything that a relay knows, without a socket or a clock: time is an argument.
///
/// A client comes in with [`Hub::enter`] and is gone with [`Hub::leave`]; in between it is in rooms
/// ([`Hub::join`], [`Hub::part`]) and speaks in them ([`Hub::publish`]). What others are to hear is put
/// into their outlets before a call returns. Who cannot take it is ended as [`Ending::TooSlow`] and his
/// rooms are told.
///
/// Numbers of people and rooms are given out once and never again.
#[derive(Debug)]
pub struct Hub<O> {
    limits: Limits,
    epoch: u64,
    people: HashMap<u32, Member<O>>,
    /// Who goes by a name that looks so.
    names: HashMap<Box<str>, u32>,
    rooms: HashMap<u32, Room<O>>,
    room_names: HashMap<Box<str>, u32>,
    next_person: u32,
    next_room: u32,
    /// Counts the moments at which a room became empty.
    emptied: u64,
    slow: Vec<u32>,
    events: Vec<Event>,
    is_closed: bool,
}

#[derive(Debug)]
struct Member<O> {
    conn: u64,
    name: Name,
    outlet: O,
    dialect: Dialect,
    rooms: Vec<u32>,
}

/// What happened to people, for who keeps a log of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A connection goes by a name, or by another one.
    Named {
        /// The connection's number.
        conn: u64,
        /// The person's number.
        person: u32,
        /// The name.
        name: Arc<str>,
    },
    /// Somebody came into a room.
    Joined {
        /// The connection's number.
        conn: u64,
        /// The person's name.
        name: Arc<str>,
        /// The room's name.
        room: Arc<str>,
    },
    /// Somebody left a room.
    Left {
        /// The connection's number.
        conn: u64,
        /// The person's name.
        name: Arc<str>,
        /// The room's name.
        room: Arc<str>,
        /// How the connection ended, where that is why.
        ending: Option<Ending>,
    },
}

impl<O: Outlet> Hub<O> {
    /// A hub without people. `epoch` is another one than any hub before has had that clients may know.
    pub fn new(limits: Limits, epoch: u64) -> Self {
        Self {
            limits,
            epoch,
            people: HashMap::new(),
            names: HashMap::new(),
            rooms: HashMap::new(),
            room_names: HashMap::new(),
            next_person: 1,
            next_room: 1,
            emptied: 0,
            slow: Vec::new(),
            events: Vec::new(),
            is_closed: false,
        }
    }

    /// Somebody comes, by this name or, where he names none, by one that he is given. Gives his number.
    pub fn enter(
        &mut self,
        conn: u64,
        outlet: &O,
        dialect: Dialect,
        name: Option<&str>,
    ) -> Result<u32, Refusal> {
        if self.is_closed {
            return Err(Refusal::new(Why::Other, "the relay shuts down"));
        }
        if self.people.len() >= self.limits.people {
            return Err(Refusal::new(Why::Other, "as many people are here as may be"));
        }
        let name = match name {
            Some(name) => self.free_name(name, None)?,
            None => self.guest(),
        };
        let id = self.next_person;
        let Some(next) = id.checked_add(1) else {
            return Err(Refusal::new(Why::Other, "every number has been given out"));
        };
        self.next_person = next;
        self.take_name(&name, id);
        self.events.push(Event::Named { conn, person: id, name: Arc::clone(name.shown()) });
        let member = Member { conn, name, outlet: outlet.clone(), dialect, rooms: Vec::new() };
        self.people.insert(id, member);
        Ok(id)
    }

    /// Which count the numbers of people and rooms belong to.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The name that somebody goes by.
    pub fn name(&self, person: u32) -> Option<&Arc<str>> {
        self.people.get(&person).map(|member| member.name.shown())
    }

    /// How many people there are.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// How many rooms there are, those that are empty included.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Somebody wishes to go by another name.
    pub fn rename(&mut self, person: u32, name: &str) -> Result<(), Refusal> {
        let name = self.free_name(name, Some(person))?;
        let Some(member) = self.people.get_mut(&person) else { return Ok(()) };
        if member.name == name {
            return Ok(());
        }
        let before = std::mem::replace(&mut member.name, name.clone());
        let (conn, rooms) = (member.conn, member.rooms.clone());
        for key in before.keys() {
            self.names.remove(key);
        }
        self.take_name(&name, person);
        self.events.push(Event::Named { conn, person, name: Arc::clone(name.shown()) });
        for id in rooms {
            self.in_room(id, |room, pressure| room.rename(person, name.shown(), pressure));
        }
        self.cut_slow();
        Ok(())
    }

    /// Somebody goes into a room, which is made if there is none of the name. He is told so, and what
    /// was said before. Gives the room's number.
    ///
    /// People write rooms as `#name` and as `name`, and mean the same one.
    pub fn join(&mut self, person: u32, name: &str, listens: bool) -> Result<u32, Refusal> {
        let name = name.strip_prefix('#').unwrap_or(name);
        let name = Name::new(name).map_err(|error| Refusal::of_name(Why::RoomBad, error))?;
        let Some(member) = self.people.get(&person).filter(|_| !self.is_closed) else {
            return Err(Refusal::new(Why::Other, "the connection is ending"));
        };
        let found = name.keys().find_map(|key| self.room_names.get(key).copied());
        let is_here = found.is_some_and(|id| member.rooms.contains(&id));
        if !is_here && member.rooms.len() >= self.limits.rooms_each {
            let most = self.limits.rooms_each;
            let reason = format!("one person is in at most {most} rooms");
            return Err(Refusal::new(Why::TooManyRooms, reason));
        }
        let id = match found {
            Some(id) => id,
            None => self.open_room(name)?,
        };
        let (room, member) = self
            .rooms
            .get_mut(&id)
            .zip(self.people.get_mut(&person))
            .expect("the room was just found, and nobody has left");
        if !is_here && room.members() >= self.limits.members {
            return Err(Refusal::new(Why::RoomFull, "as many people are in the room as may be"));
        }
        // He waits for what he asked for, so who pushes need not.
        let mut pressure = Pressure { behind: &mut Behind::new(), slow: &mut self.slow };
        let way = (&member.outlet, member.dialect);
        room.seat(person, member.name.shown(), way, listens, &mut pressure);
        if !is_here {
            member.rooms.push(id);
            self.events.push(Event::Joined {
                conn: member.conn,
                name: Arc::clone(member.name.shown()),
                room: Arc::clone(room.name.shown()),
            });
        }
        self.cut_slow();
        Ok(id)
    }

    /// Somebody leaves a room. `false` where he is not in it.
    pub fn part(&mut self, person: u32, room: u32) -> bool {
        let Some(member) = self.people.get_mut(&person) else { return false };
        let Some(at) = member.rooms.iter().position(|&id| id == room) else { return false };
        member.rooms.swap_remove(at);
        let (conn, name) = (member.conn, Arc::clone(member.name.shown()));
        self.unseat(room, person, (conn, &name), None);
        self.cut_slow();
        true
    }

    /// Somebody is gone; his rooms are told how. It may be told twice.
    pub fn leave(&mut self, person: u32, ending: &Ending) {
        self.remove(person, ending);
        self.cut_slow();
    }

    /// The place that the next frame of `person` in `room` will have; `None` where he is not in it.
    pub fn next_seq(&self, person: u32, room: u32) -> Option<u64> {
        let member = self.people.get(&person)?;
        member.rooms.contains(&room).then(|| self.rooms[&room].seq() + 1)
    }

    /// Whether what is to be said in a room must wait for members who are so far behind that more of it
    /// might end them. They are put into `behind`.
    pub fn holds(&mut self, room: u32, behind: &mut Behind<O>) -> bool {
        self.rooms.get_mut(&room).is_some_and(|room| room.holds(behind))
    }

    /// Somebody says something in a room that he is in. `time` is in microseconds since 1970.
    ///
    /// Who is behind with reading is put into `behind`.
    pub fn publish(&mut self, person: u32, run: Run<'_>, time: u64, behind: &mut Behind<O>) {
        let Some(member) = self.people.get(&person) else { return };
        let id = run.room();
        if !member.rooms.contains(&id) {
            return;
        }
        let room = self.rooms.get_mut(&id).expect("a room with a member is kept");
        let mut pressure = Pressure { behind, slow: &mut self.slow };
        room.deliver(person, member.name.shown(), run, time, &mut pressure);
        if !self.slow.is_empty() {
            self.cut_slow();
        }
    }

    /// Who is in a room, as a line.
    pub(crate) fn who(&self, room: u32) -> Bytes {
        let mut line = "* here: ".to_owned();
        if let Some(room) = self.rooms.get(&room) {
            control::names(room, &mut line);
        }
        line.into()
    }

    /// The relay ends: everybody is told after what he was sent, and nobody comes or speaks any more.
    pub fn close(&mut self) {
        self.is_closed = true;
        let ending = Ending::Shutdown;
        for member in self.people.values() {
            member.outlet.put(&control::goodbye(&ending, member.dialect));
            member.outlet.end(ending.clone());
        }
        self.rooms.clear();
        self.room_names.clear();
        for member in self.people.values_mut() {
            member.rooms.clear();
        }
    }

    /// What happened since this was asked last.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A clean name that nobody else goes by.
    fn free_name(&self, name: &str, me: Option<u32>) -> Result<Name, Refusal> {
        let name = Name::new(name).map_err(|error| Refusal::of_name(Why::NameBad, error))?;
        let is_taken =
            name.keys().filter_map(|key| self.names.get(key)).any(|&owner| Some(owner) != me);
        if is_taken {
            let reason = format!("somebody goes by {name}, or by a name that looks the same");
            return Err(Refusal::new(Why::NameTaken, reason));
        }
        Ok(name)
    }

    fn take_name(&mut self, name: &Name, person: u32) {
        for key in name.keys() {
            self.names.insert(key.into(), person);
        }
    }

    /// A name for who names none. Somebody may have taken the one with his number, but not all of them.
    fn guest(&self) -> Name {
        (u64::from(self.next_person)..)
            .find_map(|number| self.free_name(&format!("guest-{number}"), None).ok())
            .expect("there are more numbers than people")
    }

    fn open_room(&mut self, name: Name) -> Result<u32, Refusal> {
        if self.rooms.len() >= self.limits.rooms && !self.forget_room() {
            return Err(Refusal::new(Why::TooManyRooms, "there are as many rooms as may be"));
        }
        let id = self.next_room;
        let Some(next) = id.checked_add(1) else {
            return Err(Refusal::new(Why::Other, "every number has been given out"));
        };
        self.next_room = next;
        for key in name.keys() {
            self.room_names.insert(key.into(), id);
        }
        self.rooms.insert(id, Room::new(id, name, self.limits.past));
        Ok(id)
    }

    /// Forgets the room that has been empty for the longest, with its past. `false` where none is empty.
    fn forget_room(&mut self) -> bool {
        let empty = self.rooms.values().filter(|room| room.members() == 0);
        let Some(id) = empty.min_by_key(|room| room.empty_since).map(|room| room.id) else {
            return false;
        };
        let room = self.rooms.remove(&id).expect("it was just found");
        for key in room.name.keys() {
            self.room_names.remove(key);
        }
        true
    }

    fn remove(&mut self, person: u32, ending: &Ending) {
        let Some(member) = self.people.remove(&person) else { return };
        for key in member.name.keys() {
            self.names.remove(key);
        }
        for room in member.rooms {
            self.unseat(room, person, (member.conn, member.name.shown()), Some(ending));
        }
    }

    fn unseat(
        &mut self,
        room: u32,
        person: u32,
        (conn, name): (u64, &Arc<str>),
        ending: Option<&Ending>,
    ) {
        self.in_room(room, |room, pressure| room.unseat(person, ending, pressure));
        let Some(room) = self.rooms.get_mut(&room) else { return };
        if room.members() == 0 {
            self.emptied += 1;
            room.empty_since = self.emptied;
        }
        self.events.push(Event::Left {
            conn,
            name: Arc::clone(name),
            room: Arc::clone(room.name.shown()),
            ending: ending.cloned(),
        });
    }

    fn in_room(&mut self, id: u32, act: impl FnOnce(&mut Room<O>, &mut Pressure<'_, O>)) {
        if let Some(room) = self.rooms.get_mut(&id) {
            act(room, &mut Pressure { behind: &mut Behind::new(), slow: &mut self.slow });
        }
    }

    /// Ends those who were sent more than they take. To tell their rooms may be too much for others.
    fn cut_slow(&mut self) {
        while let Some(person) = self.slow.pop() {
            if let Some(member) = self.people.get(&person) {
                member.outlet.end(Ending::TooSlow);
                self.remove(person, &Ending::TooSlow);
            }
        }
    }
}
