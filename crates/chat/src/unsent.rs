//! The lines that the relay has not taken.
//!
//! ```text
//! typed -> Waiting --sent--> Asked --Ack, or it comes back as everybody gets it--> taken
//!             ^                |
//!             +--disconnected--+
//! ```
//!
//! A line keeps its number through all of it, so whoever compares can tell a resend from a second line.

use std::collections::VecDeque;

use crate::limits::{MAX_UNSENT, MAX_UNSENT_BYTES};

/// A line that the relay has not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsentLine {
    /// Our number for it.
    pub id: u64,
    /// The name of the room that it was said to.
    pub room: String,
    /// What was said.
    pub text: String,
    /// Whether the person was told that it is not sent yet.
    pub late: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// Given to the relay on this connection, for the room with this number.
    Asked(u32),
}

/// All of them, oldest first, at most [`MAX_UNSENT`] and [`MAX_UNSENT_BYTES`].
#[derive(Debug)]
pub struct Unsent {
    lines: VecDeque<UnsentLine>,
    bytes: usize,
    next_id: u64,
}

impl Unsent {
    /// None yet; the first line will have the number `first_id`.
    pub fn new(first_id: u64) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, next_id: first_id }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether the relay has taken everything.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether there is room for a line of `len` bytes.
    pub fn has_room(&self, len: usize) -> bool {
        self.lines.len() < MAX_UNSENT && self.bytes + len <= MAX_UNSENT_BYTES
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &UnsentLine> {
        self.lines.iter()
    }

    /// The rooms that they were said to.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.room.as_str())
    }

    /// Keeps a line and gives its number.
    pub(crate) fn keep(&mut self, room: &str, text: String, late: bool) -> u64 {
        let id = self.number();
        self.bytes += text.len();
        let room = room.to_owned();
        self.lines.push_back(UnsentLine { id, room, text, late, state: State::Waiting });
        id
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    /// Notes that the lines of `room` are given to the relay now, and gives those that were not before.
    pub(crate) fn ask(&mut self, room: &str, number: u32) -> impl Iterator<Item = &UnsentLine> {
        self.lines
            .iter_mut()
            .filter(move |line| line.room == room && line.state == State::Waiting)
            .map(move |line| {
                line.state = State::Asked(number);
                &*line
            })
    }

    /// Takes out the lines that an `Ack` names, with their places in the room's order.
    pub(crate) fn acknowledged(
        &mut self,
        room: u32,
        first: u64,
        count: u32,
        seq: u64,
    ) -> Vec<(UnsentLine, u64)> {
        let place = |line: &UnsentLine| {
            let nth = line.id.checked_sub(first).filter(|&nth| nth < u64::from(count))?;
            (line.state == State::Asked(room)).then(|| seq.saturating_add(nth))
        };
        let mut taken = Vec::new();
        while let Some((index, seq)) =
            self.lines.iter().enumerate().find_map(|(index, line)| Some((index, place(line)?)))
        {
            taken.extend(self.remove_at(index).map(|line| (line, seq)));
        }
        taken
    }

    /// Takes out the line that came back as everybody gets it. The text is compared too: a number that
    /// was ours may be another's where a relay has lost its memory.
    pub(crate) fn came_back(&mut self, id: u64, text: &[u8]) -> Option<UnsentLine> {
        let same = |line: &UnsentLine| line.id == id && line.text.as_bytes() == text;
        let index = self.lines.iter().position(same)?;
        self.remove_at(index)
    }

    /// Takes out the line with this number, which the relay refused.
    pub(crate) fn refused(&mut self, id: u64) -> Option<UnsentLine> {
        let index = self.lines.iter().position(|line| line.id == id)?;
        self.remove_at(index)
    }

    /// Two names turned out to be the same room's.
    pub(crate) fn rename_room(&mut self, from: &str, to: &str) {
        for line in self.lines.iter_mut().filter(|line| line.room == from) {
            to.clone_into(&mut line.room);
        }
    }

    /// Takes out one line of `room`, which cannot be entered.
    pub(crate) fn of_room(&mut self, room: &str) -> Option<UnsentLine> {
        let index = self.lines.iter().position(|line| line.room == room)?;
        self.remove_at(index)
    }

    /// The connection is gone: all of them wait again. Gives those of which the person does not know.
    pub(crate) fn disconnected(&mut self) -> impl Iterator<Item = &UnsentLine> {
        self.lines.iter_mut().filter_map(|line| {
            line.state = State::Waiting;
            let is_news = !line.late;
            line.late = true;
            is_news.then_some(&*line)
        })
    }

    /// Takes out all of them.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = UnsentLine> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.lines).into_iter()
    }

    fn remove_at(&mut self, index: usize) -> Option<UnsentLine> {
        let line = self.lines.remove(index)?;
        self.bytes -= line.text.len();
        Some(line)
    }
}
