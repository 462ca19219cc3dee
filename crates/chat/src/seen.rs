//! Whether a frame was shown before.
//!
//! After a reconnect the relay sends the past again. A place in the room's order is not enough to know
//! a frame by: a relay that has lost its memory counts from 1 again, and an old one does not say so
//! (`Welcome.epoch`). Its time stamp with it is.

use std::collections::{HashSet, VecDeque};

use crate::limits::MAX_SEEN;

/// What tells one frame from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    pub(crate) room: u32,
    pub(crate) seq: u64,
    pub(crate) from: u32,
    pub(crate) id: u64,
    pub(crate) time: u64,
}

/// The frames that were shown last.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    marks: HashSet<Mark>,
    order: VecDeque<Mark>,
}

impl Seen {
    pub(crate) fn contains(&self, mark: &Mark) -> bool {
        self.marks.contains(mark)
    }

    /// Whether a frame with the same number of ours was shown at another place: it was said twice.
    pub(crate) fn is_elsewhere(&self, mark: &Mark, own: &VecDeque<u32>) -> bool {
        let same = |other: &Mark| other.id == mark.id && own.contains(&other.from);
        self.order.iter().any(|other| same(other) && other.seq != mark.seq)
    }

    /// The last place in the room's order that was shown.
    pub(crate) fn last_of(&self, room: u32) -> Option<u64> {
        self.order.iter().rev().find(|mark| mark.room == room).map(|mark| mark.seq)
    }

    pub(crate) fn note(&mut self, mark: Mark) {
        if !self.marks.insert(mark) {
            return;
        }
        self.order.push_back(mark);
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.marks.remove(&oldest);
        }
    }
}
