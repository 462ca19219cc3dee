//! In which order packets arrive: each at its moment, and those that are held back behind others.
//!
//! No clock: the caller says what time it is.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::clock::Moment;
use crate::record::HostId;
use crate::rule::Held;

/// Who sends and who receives.
pub(crate) type Direction = (HostId, HostId);

/// Packets that are under way.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    due: BinaryHeap<Reverse<Waiting<T>>>,
    held: Vec<HeldBack<T>>,
    next_number: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    at: Moment,
    /// Packets of one moment arrive in the order in which they were sent.
    number: u64,
    direction: Direction,
    what: T,
}

#[derive(Debug)]
struct HeldBack<T> {
    packet: Waiting<T>,
    others_left: u32,
    until: Moment,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self { due: BinaryHeap::new(), held: Vec::new(), next_number: 0 }
    }
}

impl<T> Schedule<T> {
    /// Takes a packet that was sent after all those that it has taken before of the same direction.
    pub(crate) fn push(&mut self, at: Moment, held: Option<Held>, direction: Direction, what: T) {
        let packet = Waiting { at, number: self.next_number, direction, what };
        self.next_number += 1;
        match held {
            Some(Held { others, at_most }) if others > 0 => {
                let until = at.after(at_most);
                self.held.push(HeldBack { packet, others_left: others, until });
            }
            _ => self.due.push(Reverse(packet)),
        }
    }

    /// The next packet whose moment has come.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<T> {
        self.let_go_by(now);
        if self.due.peek()?.0.at > now {
            return None;
        }
        let Reverse(packet) = self.due.pop()?;
        self.has_passed(&packet);
        Some(packet.what)
    }

    /// When there is something to do next.
    pub(crate) fn next(&self) -> Option<Moment> {
        let due = self.due.peek().map(|Reverse(packet)| packet.at);
        let held = self.held.iter().map(|held| held.until).min();
        [due, held].into_iter().flatten().min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.held.is_empty()
    }

    /// Holds back no longer what has been held for its whole time.
    fn let_go_by(&mut self, now: Moment) {
        for HeldBack { mut packet, until, .. } in self.held.extract_if(.., |held| held.until <= now)
        {
            packet.at = until;
            self.due.push(Reverse(packet));
        }
    }

    /// Counts a packet that arrives for those that wait until it has, and lets them go behind it.
    fn has_passed(&mut self, passed: &Waiting<T>) {
        for held in &mut self.held {
            let waits_for_it =
                held.packet.direction == passed.direction && held.packet.number < passed.number;
            held.others_left -= u32::from(waits_for_it);
        }
        for HeldBack { mut packet, .. } in self.held.extract_if(.., |held| held.others_left == 0) {
            packet.at = packet.at.max(passed.at);
            self.due.push(Reverse(packet));
        }
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Waiting<T> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const TO_B: Direction = (HostId(0), HostId(1));
    const TO_A: Direction = (HostId(1), HostId(0));

    fn held(others: u32, at_most: u64) -> Held {
        Held { others, at_most: Duration::from_nanos(at_most) }
    }

    /// Everything that arrives until `now`, in order.
    fn arrivals(schedule: &mut Schedule<u32>, now: u64) -> Vec<u32> {
        std::iter::from_fn(|| schedule.pop(Moment(now))).collect()
    }

    #[test]
    fn packets_arrive_at_their_moments_and_in_the_order_in_which_they_were_sent() {
        let mut schedule = Schedule::default();
        for (at, what) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
            schedule.push(Moment(at), None, TO_B, what);
        }
        assert_eq!(schedule.next(), Some(Moment(10)));
        assert_eq!(arrivals(&mut schedule, 9), []);
        assert_eq!(arrivals(&mut schedule, 25), [2, 4, 3]);
        assert_eq!(schedule.next(), Some(Moment(30)));
        assert_eq!(arrivals(&mut schedule, 30), [1]);
        assert!(schedule.is_empty());
    }

    #[test]
    fn a_packet_that_is_held_back_waits_for_others_of_its_direction_that_were_sent_later() {
        let mut schedule = Schedule::default();
        schedule.push(Moment(10), None, TO_B, 1);
        schedule.push(Moment(10), Some(held(2, 1000)), TO_B, 2);
        schedule.push(Moment(10), None, TO_A, 3);
        schedule.push(Moment(11), None, TO_B, 4);
        schedule.push(Moment(12), None, TO_B, 5);
        schedule.push(Moment(12), None, TO_B, 6);
        // 1 was sent before it and 3 goes the other way: it waits for 4 and 5.
        assert_eq!(arrivals(&mut schedule, 12), [1, 3, 4, 5, 2, 6]);
    }

    #[test]
    fn a_packet_is_held_back_no_longer_than_said() {
        let mut schedule = Schedule::default();
        schedule.push(Moment(10), Some(held(2, 90)), TO_B, 1);
        schedule.push(Moment(11), None, TO_B, 2);
        assert_eq!(arrivals(&mut schedule, 99), [2]);
        assert_eq!(schedule.next(), Some(Moment(100)));
        assert_eq!(arrivals(&mut schedule, 100), [1]);
    }

    #[test]
    fn a_packet_that_is_let_go_does_not_arrive_before_its_own_moment() {
        let mut schedule = Schedule::default();
        schedule.push(Moment(500), Some(held(1, 1000)), TO_B, 1);
        schedule.push(Moment(10), None, TO_B, 2);
        assert_eq!(arrivals(&mut schedule, 499), [2]);
        assert_eq!(arrivals(&mut schedule, 500), [1]);
    }

    proptest! {
        /// Whatever is held back, every packet arrives once, none before its moment and none later than
        /// the rule allows.
        #[test]
        fn everything_arrives_once(
            packets in prop::collection::vec((0_u64..1000, 0_u32..4, 0_u64..500, any::<bool>()), 0..50),
        ) {
            let mut schedule = Schedule::default();
            for (number, (at, others, at_most, to_a)) in packets.iter().enumerate() {
                let direction = if *to_a { TO_A } else { TO_B };
                schedule.push(Moment(*at), Some(held(*others, *at_most)), direction, number);
            }
            let mut arrived = vec![None; packets.len()];
            while let Some(now) = schedule.next() {
                while let Some(number) = schedule.pop(now) {
                    prop_assert_eq!(arrived[number].replace(now.0), None);
                }
            }
            for ((at, _, at_most, _), arrived) in packets.iter().zip(arrived) {
                let arrived = arrived.expect("it arrives");
                prop_assert!((*at..=at + at_most).contains(&arrived), "{at} + {at_most}: {arrived}");
            }
        }
    }
}
