//! Which connection is next: by time, and by having something to send.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::time::Time;

/// The times of all connections, and the queue of those that may have something to send. With many
/// connections none is looked at without a reason.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    times: BTreeSet<(Time, u64)>,
    time_of: BTreeMap<u64, Time>,
    ready: VecDeque<u64>,
    is_ready: BTreeSet<u64>,
}

impl Schedule {
    /// Sets when the connection must be called, or that it need not be.
    pub(super) fn set(&mut self, index: u64, time: Option<Time>) {
        let before = match time {
            Some(time) => self.time_of.insert(index, time),
            None => self.time_of.remove(&index),
        };
        if before == time {
            return;
        }
        if let Some(before) = before {
            self.times.remove(&(before, index));
        }
        if let Some(time) = time {
            self.times.insert((time, index));
        }
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.times.first().map(|(time, _)| *time)
    }

    /// Takes one whose time has come.
    pub(super) fn due(&mut self, now: Time) -> Option<u64> {
        let &(time, index) = self.times.first()?;
        if time > now {
            return None;
        }
        self.set(index, None);
        Some(index)
    }

    /// The connection may have something to send.
    pub(super) fn wake(&mut self, index: u64) {
        if self.is_ready.insert(index) {
            self.ready.push_back(index);
        }
    }

    pub(super) fn next_ready(&mut self) -> Option<u64> {
        let index = self.ready.pop_front()?;
        self.is_ready.remove(&index);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_one_time_and_one_place() {
        let mut schedule = Schedule::default();
        let at = Time::from_nanos;
        schedule.set(1, Some(at(30)));
        schedule.set(2, Some(at(20)));
        schedule.set(1, Some(at(10)));
        assert_eq!(schedule.next(), Some(at(10)));
        schedule.set(2, None);
        assert_eq!(schedule.due(at(9)), None);
        assert_eq!(schedule.due(at(10)), Some(1));
        assert_eq!((schedule.due(at(99)), schedule.next()), (None, None));
        for index in [7, 8, 7] {
            schedule.wake(index);
        }
        let ready: Vec<_> = std::iter::from_fn(|| schedule.next_ready()).collect();
        assert_eq!(ready, [7, 8]);
    }
}
