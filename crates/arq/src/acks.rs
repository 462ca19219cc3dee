//! What is acknowledged, and when: RFC 9000 §13.2.
//!
//! At once: what came out of order, because the sender may be waiting to know whether something is
//! lost. Else every second packet, or after 25 ms. Packets that only acknowledge are not acknowledged
//! themselves (§13.2.1), or two peers would do nothing else for ever.

use crate::frame::Ack;
use crate::limits::{ACK_DELAY, ACK_EVERY, MAX_ACK_RANGES};
use crate::range_set::RangeSet;
use crate::time::Time;

/// The packets that arrived and are not known to be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    received: RangeSet,
    /// The highest number, and when it arrived.
    largest: Option<(u64, Time)>,
    /// How many packets that want an answer came since the last one.
    unanswered: u32,
    /// When to answer.
    due: Option<Time>,
}

impl Acks {
    /// A packet was opened that was not had before.
    pub(crate) fn on_received(&mut self, now: Time, number: u64, wants_ack: bool) {
        let highest = self.largest.is_none_or(|(largest, _)| number > largest);
        // A gap below tells as much as a number that comes late.
        let in_order = highest && self.largest.is_none_or(|(largest, _)| number == largest + 1);
        self.received.insert(number..number + 1);
        if self.received.ranges() > MAX_ACK_RANGES {
            self.received.pop_lowest();
        }
        if highest {
            self.largest = Some((number, now));
        }
        if !wants_ack {
            return;
        }
        self.unanswered += 1;
        if !in_order || self.unanswered >= ACK_EVERY {
            self.due = Some(now);
        } else {
            self.due.get_or_insert(now + ACK_DELAY);
        }
    }

    /// When an acknowledgement must go.
    pub(crate) fn due(&self) -> Option<Time> {
        self.due
    }

    /// What to acknowledge, if there is anything.
    pub(crate) fn frame(&self, now: Time) -> Option<Ack> {
        let (_, arrived) = self.largest?;
        let ranges: Vec<_> = self.received.descending().collect();
        (!ranges.is_empty()).then(|| Ack { delay: now.since(arrived), ranges })
    }

    /// Whether an acknowledgement says anything that the peer may not know yet.
    pub(crate) fn has_news(&self) -> bool {
        self.unanswered > 0
    }

    /// The frame was sent.
    pub(crate) fn on_sent(&mut self) {
        self.unanswered = 0;
        self.due = None;
    }

    /// The peer has a frame whose largest number was this: it knows all that is up to there
    /// (RFC 9000 §13.2.4).
    pub(crate) fn on_acked(&mut self, largest: u64) {
        self.received.remove_below(largest + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn received(numbers: &[u64]) -> Acks {
        let mut acks = Acks::default();
        for number in numbers {
            acks.on_received(Time::ZERO, *number, true);
        }
        acks
    }

    #[test]
    fn every_second_packet_is_answered_at_once_and_one_alone_after_ack_delay() {
        let mut acks = received(&[0]);
        assert_eq!(acks.due(), Some(Time::ZERO + ACK_DELAY));
        acks.on_received(Time::ZERO + Duration::from_millis(3), 1, true);
        assert_eq!(acks.due(), Some(Time::ZERO + Duration::from_millis(3)));
        acks.on_sent();
        assert_eq!(acks.due(), None);
        assert!(!acks.has_news());
    }

    #[test]
    fn what_is_out_of_order_is_answered_at_once() {
        assert_eq!(received(&[5]).due(), Some(Time::ZERO + ACK_DELAY));
        for (first, second) in [(5, 7), (5, 4)] {
            let mut acks = received(&[first]);
            acks.on_sent();
            acks.on_received(Time::ZERO, second, true);
            assert_eq!(acks.due(), Some(Time::ZERO), "{first} {second}");
        }
    }

    #[test]
    fn acknowledgements_are_not_acknowledged() {
        let mut acks = Acks::default();
        for number in 0..9 {
            acks.on_received(Time::ZERO, number, false);
        }
        assert_eq!(acks.due(), None);
        assert!(!acks.has_news());
    }

    #[test]
    fn at_most_max_ack_ranges_are_kept_and_known_ones_are_forgotten() {
        let numbers: Vec<u64> = (0..100).map(|n| 2 * n).collect();
        let mut acks = received(&numbers);
        let ack = acks.frame(Time::ZERO + Duration::from_millis(4)).unwrap();
        assert_eq!(ack.ranges.len(), MAX_ACK_RANGES);
        assert_eq!(ack.ranges[0], 198..199);
        assert_eq!(ack.delay, Duration::from_millis(4));
        acks.on_acked(195);
        assert_eq!(acks.frame(Time::ZERO).unwrap().ranges, [198..199, 196..197]);
        acks.on_acked(198);
        assert_eq!(acks.frame(Time::ZERO), None);
    }
}
