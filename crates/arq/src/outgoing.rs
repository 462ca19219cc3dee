//! Messages on their way out: what is new, what is sent again, what is confirmed.
//!
//! A message is kept until all of it is acknowledged. It is cut into pieces as packets have room for it,
//! so what is sent again may be cut otherwise (RFC 9000 §13.3).

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;

use crate::channel::{Channel, Order};
use crate::credit::SendCredit;
use crate::limits::{MAX_AHEAD, MESSAGE_COST, MIN_PIECE};
use crate::range_set::RangeSet;
use crate::sent::PieceRef;

/// How many pieces wait for going again if a probe is to add none: those of two packets full of short
/// messages are more than this, and the rest can wait.
const PROBE_PIECES: usize = 32;

/// The messages of one reliable channel.
#[derive(Debug)]
pub(crate) struct Outgoing {
    channel: Channel,
    messages: BTreeMap<u64, Message>,
    /// The number of the next message that is handed in.
    next: u64,
    /// The message and the offset in it that are sent next for the first time.
    cursor: (u64, u64),
    /// Pieces that were lost. What of them was acknowledged meanwhile is left out when they go.
    again: VecDeque<PieceRef>,
    pub(crate) credit: SendCredit,
    /// Whether it stands in the queue of channels that may send.
    pub(crate) queued: bool,
}

#[derive(Debug)]
struct Message {
    data: Bytes,
    acked: RangeSet,
    /// Whether all of it arrived. On an ordered channel it is confirmed when those before it are.
    arrived: bool,
}

/// A piece to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) piece: PieceRef,
    pub(crate) total: u64,
    pub(crate) data: Bytes,
    pub(crate) again: bool,
}

/// Why a channel sends nothing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// There is nothing.
    Empty,
    /// The packet has no room for a piece.
    Room,
    /// The channel has no credit, or is too far ahead of what is confirmed.
    Channel,
    /// The connection has no credit.
    Connection,
}

impl Outgoing {
    pub(crate) fn new(channel: Channel, credit: u64) -> Self {
        Self {
            channel,
            messages: BTreeMap::new(),
            next: 0,
            cursor: (0, 0),
            again: VecDeque::new(),
            credit: SendCredit::new(credit),
            queued: false,
        }
    }

    /// Takes a message, and gives its number.
    pub(crate) fn push(&mut self, data: Bytes) -> u64 {
        let number = self.next;
        self.next += 1;
        self.messages.insert(number, Message { data, acked: RangeSet::default(), arrived: false });
        number
    }

    /// How many messages are not confirmed.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.messages.len()
    }

    /// Cuts the next piece, of at most `room` bytes.
    pub(crate) fn cut(&mut self, room: usize, connection: &mut SendCredit) -> Result<Cut, Held> {
        while let Some(piece) = self.again.pop_front() {
            match self.cut_again(piece, room) {
                Ok(Some(cut)) => return Ok(cut),
                Ok(None) => {}
                Err(held) => {
                    self.again.push_front(piece);
                    return Err(held);
                }
            }
        }
        self.cut_new(room, connection)
    }

    /// The first part of a lost piece that is still missing; nothing if none is.
    fn cut_again(&mut self, piece: PieceRef, room: usize) -> Result<Option<Cut>, Held> {
        let Some(message) = self.messages.get(&piece.number) else { return Ok(None) };
        let end = piece.offset + piece.len;
        if message.arrived {
            return Ok(None);
        }
        // An empty message is one piece without bytes.
        let missing = if piece.len == 0 {
            Some(piece.offset..end)
        } else {
            message.acked.first_gap(&(piece.offset..end))
        };
        let Some(missing) = missing else { return Ok(None) };
        let cut = message.cut(self.channel, piece.number, missing, room, true)?;
        let sent = cut.piece.offset + cut.piece.len;
        if sent < end {
            self.again.push_front(PieceRef { offset: sent, len: end - sent, ..piece });
        }
        Ok(Some(cut))
    }

    fn cut_new(&mut self, room: usize, connection: &mut SendCredit) -> Result<Cut, Held> {
        // The end of the message under the cursor may have gone along with a piece that was sent again,
        // and all of it may have arrived.
        let has_arrived = |message: &Message| message.arrived;
        if self.cursor.1 > 0 && self.messages.get(&self.cursor.0).is_none_or(has_arrived) {
            self.cursor = (self.cursor.0 + 1, 0);
        }
        let (number, offset) = self.cursor;
        let Some(message) = self.messages.get(&number) else { return Err(Held::Empty) };
        let total = message.data.len() as u64;
        let cost = total + MESSAGE_COST;
        if offset == 0 {
            let first_unconfirmed = self.messages.first_key_value().map_or(number, |(n, _)| *n);
            if number >= first_unconfirmed + MAX_AHEAD || !self.credit.can_take(cost) {
                return Err(Held::Channel);
            }
            if !connection.can_take(cost) {
                return Err(Held::Connection);
            }
        }
        let cut = message.cut(self.channel, number, offset..total, room, false)?;
        if offset == 0 {
            self.credit.take(cost);
            connection.take(cost);
        }
        let end = offset + cut.piece.len;
        self.cursor = if end == total { (number + 1, 0) } else { (number, end) };
        Ok(cut)
    }

    /// A packet with the piece is lost: it goes again, before anything new.
    pub(crate) fn on_lost(&mut self, piece: PieceRef) {
        if self.messages.contains_key(&piece.number) {
            self.again.push_back(piece);
        }
    }

    /// A probe takes the piece along. Probes that cannot be sent pile up nothing.
    pub(crate) fn on_probe(&mut self, piece: PieceRef) {
        if self.again.len() < PROBE_PIECES {
            self.on_lost(piece);
        }
    }

    /// A packet with the piece arrived. The answer is the messages that are confirmed by it, with their
    /// lengths: on an ordered channel none before those in front of it, because until then the peer's
    /// owner cannot read it.
    pub(crate) fn on_acked(&mut self, piece: PieceRef) -> Vec<(u64, usize)> {
        let mut confirmed = Vec::new();
        let Some(message) = self.messages.get_mut(&piece.number) else { return confirmed };
        message.acked.insert(piece.offset..piece.offset + piece.len);
        message.arrived = message.acked.count() == message.data.len() as u64;
        match self.channel.order {
            Order::Unordered => confirmed.extend(self.take_arrived(piece.number)),
            Order::Ordered => {
                while let Some((&first, _)) = self.messages.first_key_value()
                    && let Some(arrived) = self.take_arrived(first)
                {
                    confirmed.push(arrived);
                }
            }
        }
        confirmed
    }

    /// Forgets the message if it has arrived, and tells its number and its length.
    fn take_arrived(&mut self, number: u64) -> Option<(u64, usize)> {
        self.messages.get(&number).filter(|message| message.arrived)?;
        let message = self.messages.remove(&number)?;
        if self.messages.is_empty() {
            // An empty map keeps its last node, which is most of what a silent channel would cost.
            self.messages = BTreeMap::new();
            self.again = VecDeque::new();
        }
        Some((number, message.data.len()))
    }
}

impl Message {
    fn cut(
        &self,
        channel: Channel,
        number: u64,
        range: Range<u64>,
        room: usize,
        again: bool,
    ) -> Result<Cut, Held> {
        let total = self.data.len() as u64;
        // A gap may be shorter than a piece may be: it then goes with what follows it, which does no
        // harm twice.
        let len = (range.end - range.start).max(MIN_PIECE as u64);
        let len = len.min(total - range.start).min(room as u64);
        let is_last = range.start + len == total;
        if !is_last && len < MIN_PIECE as u64 {
            return Err(Held::Room);
        }
        let index = |offset: u64| usize::try_from(offset).expect("within a message");
        let data = self.data.slice(index(range.start)..index(range.start + len));
        Ok(Cut {
            piece: PieceRef { channel, number, offset: range.start, len },
            total,
            data,
            again,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channel() -> Outgoing {
        Outgoing::new(Channel::ordered(1), 1 << 30)
    }

    fn bytes(len: usize) -> Bytes {
        (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    /// Cuts until nothing is left, and tells number, offset and length of each piece.
    fn cut_all(outgoing: &mut Outgoing, room: usize) -> Vec<(u64, u64, u64)> {
        let mut connection = SendCredit::new(1 << 30);
        let mut pieces = Vec::new();
        while let Ok(cut) = outgoing.cut(room, &mut connection) {
            assert_eq!(cut.data.len() as u64, cut.piece.len);
            pieces.push((cut.piece.number, cut.piece.offset, cut.piece.len));
        }
        pieces
    }

    fn piece(number: u64, offset: u64, len: u64) -> PieceRef {
        PieceRef { channel: Channel::ordered(1), number, offset, len }
    }

    #[test]
    fn a_message_is_cut_by_the_room_and_confirmed_when_all_pieces_are() {
        let mut outgoing = channel();
        for len in [2500, 0, 10] {
            outgoing.push(bytes(len));
        }
        let expected = [(0, 0, 1000), (0, 1000, 1000), (0, 2000, 500), (1, 0, 0), (2, 0, 10)];
        assert_eq!(cut_all(&mut outgoing, 1000), expected);
        assert_eq!(outgoing.on_acked(piece(0, 1000, 1000)), []);
        assert_eq!(outgoing.on_acked(piece(0, 0, 1000)), []);
        assert_eq!(outgoing.on_acked(piece(0, 0, 1000)), []);
        assert_eq!(outgoing.on_acked(piece(0, 2000, 500)), [(0, 2500)]);
        assert_eq!(outgoing.on_acked(piece(0, 2000, 500)), []);
        assert_eq!(outgoing.on_acked(piece(1, 0, 0)), [(1, 0)]);
        assert_eq!(outgoing.unconfirmed(), 1);
    }

    /// The peer's owner can read the second message when it has the first, and not before.
    #[test]
    fn an_ordered_message_is_confirmed_when_those_before_it_are() {
        for (order, first, then) in [
            (Order::Ordered, vec![], vec![(0, 5), (1, 0), (2, 3)]),
            (Order::Unordered, vec![(2, 3)], vec![(0, 5)]),
        ] {
            let mut outgoing = Outgoing::new(Channel { order, number: 1 }, 1 << 30);
            for len in [5, 0, 3, 0] {
                outgoing.push(bytes(len));
            }
            cut_all(&mut outgoing, 1000);
            assert_eq!(outgoing.on_acked(piece(2, 0, 3)), first, "{order:?}");
            outgoing.on_acked(piece(1, 0, 0));
            // What has arrived is not sent again, confirmed or not.
            outgoing.on_lost(piece(1, 0, 0));
            outgoing.on_lost(piece(2, 0, 3));
            assert_eq!(cut_all(&mut outgoing, 1000), []);
            assert_eq!(outgoing.on_acked(piece(0, 0, 5)), then, "{order:?}");
            assert_eq!(outgoing.unconfirmed(), 1);
        }
    }

    #[test]
    fn what_is_lost_goes_again_without_what_arrived_meanwhile() {
        let mut outgoing = channel();
        outgoing.push(bytes(3000));
        outgoing.push(bytes(0));
        cut_all(&mut outgoing, 1000);
        outgoing.on_lost(piece(1, 0, 0));
        outgoing.on_lost(piece(0, 0, 1000));
        outgoing.on_lost(piece(0, 1000, 1000));
        outgoing.on_acked(piece(0, 0, 1000));
        // Less room than before, so the piece is cut in two; the second half is no shorter than allowed.
        let expected = [(1, 0, 0), (0, 1000, 900), (0, 1900, MIN_PIECE as u64)];
        assert_eq!(cut_all(&mut outgoing, 900), expected);
        outgoing.on_acked(piece(1, 0, 0));
        outgoing.on_lost(piece(1, 0, 0));
        assert_eq!(cut_all(&mut outgoing, 1000), []);
    }

    #[test]
    fn a_message_whose_end_went_along_with_a_resend_does_not_block_the_next() {
        let mut outgoing = channel();
        outgoing.push(bytes(700));
        outgoing.push(bytes(5));
        let mut connection = SendCredit::new(1 << 30);
        outgoing.cut(600, &mut connection).unwrap();
        outgoing.on_acked(piece(0, 0, 500));
        outgoing.on_lost(piece(0, 0, 600));
        // The gap is shorter than a piece may be, so the rest of the message goes along.
        let again = outgoing.cut(1000, &mut connection).unwrap();
        assert_eq!(again.piece, piece(0, 500, 200));
        outgoing.on_acked(again.piece);
        assert_eq!(cut_all(&mut outgoing, 1000), [(1, 0, 5)]);
    }

    #[test]
    fn no_piece_but_the_last_is_shorter_than_min_piece() {
        let mut outgoing = channel();
        outgoing.push(bytes(MIN_PIECE + 10));
        let mut connection = SendCredit::new(1 << 30);
        assert_eq!(outgoing.cut(MIN_PIECE - 1, &mut connection), Err(Held::Room));
        let expected = [(0, 0, MIN_PIECE as u64), (0, MIN_PIECE as u64, 10)];
        assert_eq!(cut_all(&mut outgoing, MIN_PIECE), expected);
    }

    #[test]
    fn credit_of_channel_and_connection_and_max_ahead_hold_it_back() {
        let mut outgoing = Outgoing::new(Channel::ordered(1), 100);
        outgoing.push(bytes(36));
        outgoing.push(bytes(0));
        let mut connection = SendCredit::new(99);
        assert_eq!(outgoing.cut(1000, &mut connection), Err(Held::Connection));
        connection.raise(1 << 30);
        assert!(outgoing.cut(1000, &mut connection).is_ok());
        assert_eq!(outgoing.cut(1000, &mut connection), Err(Held::Channel));
        outgoing.credit.raise(1 << 30);
        for _ in 0..MAX_AHEAD {
            outgoing.push(bytes(0));
        }
        assert_eq!(cut_all(&mut outgoing, 1000).len() as u64, MAX_AHEAD - 1);
        outgoing.on_acked(piece(0, 0, 36));
        assert_eq!(cut_all(&mut outgoing, 1000), [(MAX_AHEAD, 0, 0)]);
    }

    proptest! {
        /// Whatever is lost, late or asked for again: each message arrives whole, and is confirmed once.
        #[test]
        fn it_is_a_list_of_messages(
            ordered in any::<bool>(),
            steps in prop::collection::vec((0_u8..10, 0_usize..3000), 1..150),
        ) {
            let order = if ordered { Order::Ordered } else { Order::Unordered };
            let mut outgoing = Outgoing::new(Channel { order, number: 1 }, 1 << 30);
            let mut connection = SendCredit::new(1 << 30);
            let (mut sent, mut under_way) = (Vec::new(), Vec::<PieceRef>::new());
            let mut confirmed = Vec::new();
            let rest = std::iter::repeat_n((5, 1100), 2000);
            for (step, number) in steps.into_iter().chain(rest) {
                match step {
                    0..3 => {
                        prop_assert_eq!(outgoing.push(bytes(number)), sent.len() as u64);
                        sent.push(number);
                    }
                    3..6 => {
                        if let Ok(Cut { piece, total, data, .. }) = outgoing.cut(number, &mut connection) {
                            let len = sent[usize::try_from(piece.number).unwrap()];
                            let place = usize::try_from(piece.offset).unwrap();
                            prop_assert_eq!(total, len as u64);
                            prop_assert_eq!(data, bytes(len).slice(place..place + usize::try_from(piece.len).unwrap()));
                            under_way.push(piece);
                        } else if step == 5 && !under_way.is_empty() {
                            confirmed.extend(outgoing.on_acked(under_way.remove(0)));
                        }
                    }
                    _ if under_way.is_empty() => {}
                    6..8 => {
                        let piece = under_way.swap_remove(number % under_way.len());
                        confirmed.extend(outgoing.on_acked(piece));
                    }
                    8 => outgoing.on_lost(under_way.swap_remove(number % under_way.len())),
                    _ => outgoing.on_probe(under_way[number % under_way.len()]),
                }
            }
            prop_assert_eq!(outgoing.unconfirmed(), 0);
            if !ordered {
                confirmed.sort_unstable();
            }
            let all: Vec<_> = sent.iter().enumerate().map(|(n, len)| (n as u64, *len)).collect();
            prop_assert_eq!(confirmed, all);
        }
    }
}
