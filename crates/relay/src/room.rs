//! One room: who is in it, what was said, and how it reaches everybody.

use std::sync::Arc;

use proto::{Change, Ending, Message, Person, Presence, Run};

use crate::control;
use crate::lines;
use crate::names::Name;
use crate::outbox::{Level, Parcel};
use crate::outlet::{Behind, Dialect, Outlet};
use crate::past::{Past, Slice};

/// Members, order and past of a room.
///
/// Whatever is sent to the members is made once and shared by all of them: the frames of a run are the
/// bytes that were read, and their lines are rendered once, if anybody reads lines.
#[derive(Debug)]
pub(crate) struct Room<O> {
    pub(crate) id: u32,
    pub(crate) name: Name,
    seats: Vec<Seat<O>>,
    /// The place in the order that was given out last.
    seq: u64,
    past: Past,
    /// Members who were [`Level::Strained`] when something was said last.
    strained: Vec<(u32, O)>,
    /// When the last member left, on the hub's count of such moments.
    pub(crate) empty_since: u64,
}

/// A member's place in a room.
#[derive(Debug)]
struct Seat<O> {
    person: u32,
    name: Arc<str>,
    outlet: O,
    dialect: Dialect,
    listens: bool,
}

/// Whom a delivery was too much for.
#[derive(Debug)]
pub(crate) struct Pressure<'a, O> {
    /// Those who are behind.
    pub(crate) behind: &'a mut Behind<O>,
    /// Those whose outboxes are over their limit.
    pub(crate) slow: &'a mut Vec<u32>,
}

impl<O: Outlet> Room<O> {
    pub(crate) fn new(id: u32, name: Name, past: usize) -> Self {
        Self {
            id,
            name,
            seats: Vec::new(),
            seq: 0,
            past: Past::new(past),
            strained: Vec::new(),
            empty_since: 0,
        }
    }

    /// The place in the order that was given out last.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// How many members there are.
    pub(crate) fn members(&self) -> usize {
        self.seats.len()
    }

    /// Who is here.
    pub(crate) fn people(&self) -> impl Iterator<Item = Person> {
        self.seats.iter().map(|seat| Person { id: seat.person, name: seat.name.as_ref().into() })
    }

    /// Whether what is to be said here must wait for members, who are put into `behind`.
    pub(crate) fn holds(&mut self, behind: &mut Behind<O>) -> bool {
        self.strained.retain(|(_, outlet)| outlet.is_strained());
        behind.extend(self.strained.iter().cloned());
        !self.strained.is_empty()
    }

    /// Stamps a run of `from` with its places in the order, and sends it to everybody.
    pub(crate) fn deliver(
        &mut self,
        from: u32,
        name: &Arc<str>,
        mut run: Run<'_>,
        time: u64,
        pressure: &mut Pressure<'_, O>,
    ) {
        let frames = run.frames();
        run.stamp(from, self.seq + 1, time);
        self.seq += frames as u64;
        let pinned = run.pinned();
        let parcel = Parcel { bytes: run.freeze(), pinned };
        self.past.keep(from, name, &parcel.bytes, frames, pinned);
        let mut rendered = None;
        for seat in self.seats.iter().filter(|seat| seat.listens) {
            let level = match seat.dialect {
                Dialect::Frames => seat.outlet.put(&parcel),
                Dialect::Lines => {
                    let lines = rendered
                        .get_or_insert_with(|| Parcel::from(lines::render(name, &parcel.bytes)));
                    seat.outlet.put(lines)
                }
            };
            if level == Level::Strained && self.strained.iter().all(|(who, _)| *who != seat.person)
            {
                self.strained.push((seat.person, seat.outlet.clone()));
            }
            pressure.note(level, seat);
        }
    }

    /// Lets somebody in, who is sent the past, and tells the others.
    ///
    /// Who is here already only says whether he wishes to listen.
    pub(crate) fn seat(
        &mut self,
        person: u32,
        name: &Arc<str>,
        (outlet, dialect): (&O, Dialect),
        listens: bool,
        pressure: &mut Pressure<'_, O>,
    ) {
        if let Some(at) = self.seats.iter().position(|seat| seat.person == person) {
            self.seats[at].listens = listens;
            let level = control::joined(self, &[], person, outlet, dialect);
            return pressure.note(level, &self.seats[at]);
        }
        let change = (Change::Joined, None, None);
        self.announce(&Person { id: person, name: name.as_ref().into() }, change, pressure);
        let (name, outlet) = (Arc::clone(name), outlet.clone());
        self.seats.push(Seat { person, name, outlet, dialect, listens });
        let seat = self.seats.last().expect("it was just pushed");
        let past = if listens { self.past_for(seat) } else { Vec::new() };
        let level = control::joined(self, &past, person, &seat.outlet, dialect);
        pressure.note(level, seat);
    }

    /// As much of the end of the past as somebody can be sent at once, the oldest first.
    ///
    /// A past may be as long as an outbox, and who joins asks for many of them with a few bytes.
    fn past_for(&self, seat: &Seat<O>) -> Vec<(Slice, Parcel)> {
        let mut room = seat.outlet.room();
        let mut past = Vec::new();
        for slice in self.past.slices().rev() {
            let parcel = slice.parcel(seat.dialect);
            let Some(left) = room.checked_sub(parcel.pinned) else { break };
            room = left;
            past.push((slice, parcel));
        }
        past.reverse();
        past
    }

    /// Lets somebody go, and tells the others. `ending` is how the connection ended, if that is why.
    pub(crate) fn unseat(
        &mut self,
        person: u32,
        ending: Option<&Ending>,
        pressure: &mut Pressure<'_, O>,
    ) {
        let Some(at) = self.seats.iter().position(|seat| seat.person == person) else { return };
        let seat = self.seats.swap_remove(at);
        self.strained.retain(|(who, _)| *who != person);
        let gone = Person { id: person, name: seat.name.as_ref().into() };
        self.announce(&gone, (Change::Left, None, ending), pressure);
    }

    /// Tells everybody of another name.
    pub(crate) fn rename(&mut self, person: u32, name: &Arc<str>, pressure: &mut Pressure<'_, O>) {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.person == person) else { return };
        let before = std::mem::replace(&mut seat.name, Arc::clone(name));
        let person = Person { id: person, name: name.as_ref().into() };
        self.announce(&person, (Change::Renamed, Some(&before), None), pressure);
    }

    fn announce(
        &self,
        person: &Person,
        (change, before, ending): (Change, Option<&Arc<str>>, Option<&Ending>),
        pressure: &mut Pressure<'_, O>,
    ) {
        let (mut frame, mut line) = (None, None);
        for seat in self.seats.iter().filter(|seat| seat.listens) {
            let parcel = match seat.dialect {
                Dialect::Frames => frame.get_or_insert_with(|| {
                    control::frame(&Message::Presence(Presence {
                        room: self.id,
                        person: person.clone(),
                        change,
                        ending: ending.map(|ending| ending.name().into()),
                    }))
                }),
                Dialect::Lines => line.get_or_insert_with(|| {
                    Parcel::from(lines::presence(person, change, before, ending))
                }),
            };
            pressure.note(seat.outlet.put(parcel), seat);
        }
    }
}

impl<O: Outlet> Pressure<'_, O> {
    #[inline]
    fn note(&mut self, level: Level, seat: &Seat<O>) {
        match level {
            Level::Low => {}
            Level::Pressed | Level::Strained => {
                self.behind.entry(seat.person).or_insert_with(|| seat.outlet.clone());
            }
            Level::Over => self.slow.push(seat.person),
        }
    }
}

impl Slice {
    /// The slice as it is sent.
    pub(crate) fn parcel(&self, dialect: Dialect) -> Parcel {
        match dialect {
            Dialect::Frames => Parcel { bytes: self.bytes.clone(), pinned: self.pinned() },
            Dialect::Lines => Parcel::from(lines::render(&self.name, &self.bytes)),
        }
    }
}
