//! The packets that are under way: RFC 9002 A.1.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::channel::Channel;
use crate::limits::{MAX_ACK_RANGES, MAX_LOST};
use crate::range_set::RangeSet;
use crate::time::Time;

/// A packet that was sent, wants an answer, and has none.
///
/// Packets that only acknowledge are not kept: nobody acknowledges them, so a peer could make us keep
/// any number of them.
#[derive(Clone, Debug)]
pub(crate) struct SentPacket {
    pub(crate) at: Time,
    /// Length of the datagram.
    pub(crate) size: usize,
    pub(crate) contents: Vec<Content>,
}

/// What becomes of a frame depends on whether its packet arrived: these are the ones of which anything
/// becomes. A resend has a new packet number and may be packed otherwise (RFC 9000 §13.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// All numbers up to this were acknowledged in it.
    Ack {
        largest: u64,
    },
    Piece(PieceRef),
    Credit,
    ChannelCredit(Channel),
    PathChallenge,
}

/// Which bytes of which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PieceRef {
    pub(crate) channel: Channel,
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// All packets under way, and those that were taken for lost a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) packets: BTreeMap<u64, SentPacket>,
    lost: BTreeMap<u64, SentPacket>,
    in_flight: usize,
    next: u64,
    /// A number that was left out on purpose, by which a peer is found out that acknowledges what it
    /// never had (RFC 9000 §21.4).
    skipped: Option<u64>,
    /// The largest number that was acknowledged.
    largest_acked: Option<u64>,
    /// The last numbers that were acknowledged.
    acked: RangeSet,
}

/// What an acknowledgement says that was not known.
#[derive(Debug, Default)]
pub(crate) struct NewlyAcked {
    /// Lowest number first.
    pub(crate) packets: Vec<(u64, SentPacket)>,
    /// Of those that were taken for lost: they were only late.
    pub(crate) late: Vec<(u64, SentPacket)>,
    /// A lower number than one that was acknowledged before.
    pub(crate) reordered: bool,
}

/// The peer acknowledges a packet that was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeverSent;

impl Sent {
    /// The number of the next packet.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    /// Leaves out a number.
    pub(crate) fn skip(&mut self) {
        self.skipped = Some(self.next);
        self.next += 1;
    }

    /// The packet with the next number was sent, and wants an answer.
    pub(crate) fn on_sent(&mut self, packet: SentPacket) {
        self.in_flight += packet.size;
        self.packets.insert(self.next, packet);
        self.next += 1;
    }

    /// The packet with the next number was sent, and only acknowledges.
    pub(crate) fn on_sent_ack(&mut self) {
        self.next += 1;
    }

    /// Bytes in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn largest_acked(&self) -> Option<u64> {
        self.largest_acked
    }

    /// When the last packet under way was sent.
    pub(crate) fn last_at(&self) -> Option<Time> {
        self.packets.last_key_value().map(|(_, packet)| packet.at)
    }

    /// Whether a number between the two was acknowledged, as far as that is remembered.
    pub(crate) fn is_acked_between(&self, low: u64, high: u64) -> bool {
        self.acked.meets(&(low + 1..high))
    }

    /// Takes out what the ranges acknowledge. Each packet is taken out once, so what a peer can make
    /// this cost is bounded by what was sent, whatever ranges it names.
    pub(crate) fn on_acked(&mut self, ranges: &[Range<u64>]) -> Result<NewlyAcked, NeverSent> {
        let never_sent = |range: &Range<u64>| {
            range.end > self.next || self.skipped.is_some_and(|skipped| range.contains(&skipped))
        };
        if ranges.iter().any(never_sent) {
            return Err(NeverSent);
        }
        let mut newly = NewlyAcked::default();
        for range in ranges.iter().rev() {
            take_range(&mut self.packets, range, &mut newly.packets);
            take_range(&mut self.lost, range, &mut newly.late);
            self.acked.insert(range.clone());
        }
        while self.acked.ranges() > MAX_ACK_RANGES {
            self.acked.pop_lowest();
        }
        for (number, packet) in &newly.packets {
            newly.reordered |= self.largest_acked.is_some_and(|largest| *number < largest);
            self.in_flight -= packet.size;
        }
        if self.packets.is_empty() {
            // An empty map keeps its last node, which is a tenth of what a silent peer may cost.
            self.packets = BTreeMap::new();
        }
        // Also one of a packet that is not kept says that those before it may be lost.
        let largest = ranges.first().map(|range| range.end - 1);
        self.largest_acked = self.largest_acked.max(largest);
        Ok(newly)
    }

    /// Takes a packet for lost. It is remembered for a while, in case that it was only late.
    pub(crate) fn on_lost(&mut self, number: u64) -> Option<SentPacket> {
        let packet = self.packets.remove(&number)?;
        self.in_flight -= packet.size;
        self.lost.insert(number, packet.clone());
        if self.lost.len() > MAX_LOST {
            self.lost.pop_first();
        }
        Some(packet)
    }

    /// Forgets the lost packets that were sent before.
    pub(crate) fn forget_lost(&mut self, before: Time) {
        while let Some(entry) = self.lost.first_entry()
            && entry.get().at < before
        {
            entry.remove();
        }
        if self.lost.is_empty() {
            self.lost = BTreeMap::new();
        }
    }

    /// How many packets are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.packets.len() + self.lost.len()
    }
}

fn take_range(
    from: &mut BTreeMap<u64, SentPacket>,
    range: &Range<u64>,
    into: &mut Vec<(u64, SentPacket)>,
) {
    while let Some((&number, _)) = from.range(range.clone()).next() {
        if let Some(packet) = from.remove(&number) {
            into.push((number, packet));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(count: u64) -> Sent {
        let mut sent = Sent::default();
        for number in 0..count {
            let at = Time::from_nanos(number);
            sent.on_sent(SentPacket { at, size: 100, contents: Vec::new() });
        }
        sent
    }

    fn ack(sent: &mut Sent, range: Range<u64>) -> Result<NewlyAcked, NeverSent> {
        sent.on_acked(std::slice::from_ref(&range))
    }

    fn numbers(packets: &[(u64, SentPacket)]) -> Vec<u64> {
        packets.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn each_packet_is_acknowledged_once() {
        let mut sent = sent(10);
        let newly = sent.on_acked(&[7..9, 2..5]).unwrap();
        assert_eq!(numbers(&newly.packets), [2, 3, 4, 7, 8]);
        assert!(!newly.reordered);
        assert_eq!(sent.in_flight(), 500);
        let newly = ack(&mut sent, 0..9).unwrap();
        assert_eq!(numbers(&newly.packets), [0, 1, 5, 6]);
        assert!(newly.reordered);
        assert!(sent.is_acked_between(0, 2) && !sent.is_acked_between(8, 20));
        assert_eq!((sent.in_flight(), sent.largest_acked()), (100, Some(8)));
        assert_eq!(sent.last_at(), Some(Time::from_nanos(9)));
    }

    #[test]
    fn what_was_never_sent_cannot_be_acknowledged() {
        let mut sent = sent(3);
        assert_eq!(ack(&mut sent, 0..4).unwrap_err(), NeverSent);
        sent.skip();
        sent.on_sent(SentPacket { at: Time::ZERO, size: 1, contents: vec![] });
        assert_eq!(ack(&mut sent, 0..5).unwrap_err(), NeverSent);
        assert_eq!(sent.in_flight(), 301);
        assert!(sent.on_acked(&[4..5, 0..3]).is_ok());
        assert_eq!(sent.in_flight(), 0);
    }

    #[test]
    fn a_lost_packet_may_turn_out_late_and_at_most_max_lost_are_remembered() {
        let count = MAX_LOST as u64 + 10;
        let mut sent = sent(count);
        for number in 0..count {
            assert!(sent.on_lost(number).is_some());
        }
        assert_eq!((sent.in_flight(), sent.remembered()), (0, MAX_LOST));
        let newly = ack(&mut sent, 0..12).unwrap();
        assert_eq!(numbers(&newly.late), [10, 11]);
        sent.forget_lost(Time::from_nanos(20));
        assert_eq!(sent.remembered(), MAX_LOST - 10);
    }
}
