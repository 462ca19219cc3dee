//! Messages on their way in: pieces are joined, repeats dropped, and order kept where it was promised, as
//! with the streams of RFC 9000 §2.2.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::channel::Order;
use crate::credit::{Exceeded, ReceiveCredit};
use crate::frame::Piece;
use crate::limits::{MAX_AHEAD, MAX_MESSAGE, MESSAGE_COST, MIN_PIECE};
use crate::range_set::RangeSet;

/// The messages of one reliable channel.
#[derive(Debug)]
pub(crate) struct Incoming {
    order: Order,
    /// Numbers of messages that are complete. The first missing one bounds how far ahead others may be.
    complete: RangeSet,
    partial: BTreeMap<u64, Partial>,
    /// Complete messages that wait for those before them, if order matters.
    held: BTreeMap<u64, Bytes>,
    ready: VecDeque<Bytes>,
    pub(crate) credit: ReceiveCredit,
}

/// A message of which something is missing.
#[derive(Debug)]
struct Partial {
    total: u64,
    /// It grows with what arrives, so a length that was only announced takes no memory.
    data: Vec<u8>,
    arrived: RangeSet,
}

/// A piece that no honest peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPiece {
    /// It lies outside of its message, is too short, or contradicts another one.
    Wrong,
    /// The message is longer than [`MAX_MESSAGE`].
    TooLong,
    /// It is more than [`MAX_AHEAD`] messages ahead.
    TooFarAhead,
    /// The channel or the connection has no credit left for it.
    Credit,
}

impl From<Exceeded> for BadPiece {
    fn from(_: Exceeded) -> Self {
        Self::Credit
    }
}

impl Incoming {
    pub(crate) fn new(order: Order, window: u64) -> Self {
        Self {
            order,
            complete: RangeSet::default(),
            partial: BTreeMap::new(),
            held: BTreeMap::new(),
            ready: VecDeque::new(),
            credit: ReceiveCredit::new(window),
        }
    }

    /// Takes a piece. Whether there is a message to be read that was not there before is the answer.
    pub(crate) fn on_piece(
        &mut self,
        piece: &Piece<'_>,
        connection: &mut ReceiveCredit,
    ) -> Result<bool, BadPiece> {
        let Piece { number, total, offset, data, .. } = *piece;
        let len = data.len() as u64;
        let end = offset.checked_add(len).filter(|end| *end <= total).ok_or(BadPiece::Wrong)?;
        if end < total && data.len() < MIN_PIECE || len == 0 && total > 0 {
            return Err(BadPiece::Wrong);
        }
        if total > MAX_MESSAGE as u64 {
            return Err(BadPiece::TooLong);
        }
        if number >= self.complete.first_missing() + MAX_AHEAD {
            return Err(BadPiece::TooFarAhead);
        }
        if self.complete.contains(number) {
            return Ok(false);
        }
        if let Some(partial) = self.partial.get_mut(&number) {
            if partial.total != total {
                return Err(BadPiece::Wrong);
            }
            partial.add(offset, data);
            if partial.arrived.count() < total {
                return Ok(false);
            }
            let whole = self.partial.remove(&number).map(|partial| partial.data.into());
            if self.partial.is_empty() {
                // An empty map keeps its last node, which is most of what a silent channel would cost.
                self.partial = BTreeMap::new();
            }
            return Ok(whole.is_some_and(|whole| self.finish(number, whole)));
        }
        self.credit.take(total + MESSAGE_COST)?;
        connection.take(total + MESSAGE_COST)?;
        if len == total {
            return Ok(self.finish(number, Bytes::copy_from_slice(data)));
        }
        let mut partial = Partial { total, data: Vec::new(), arrived: RangeSet::default() };
        partial.add(offset, data);
        self.partial.insert(number, partial);
        Ok(false)
    }

    fn finish(&mut self, number: u64, message: Bytes) -> bool {
        let next = self.complete.first_missing();
        self.complete.insert(number..number + 1);
        match self.order {
            Order::Unordered => self.ready.push_back(message),
            Order::Ordered if number != next => {
                self.held.insert(number, message);
                return false;
            }
            Order::Ordered => {
                self.ready.push_back(message);
                let mut next = next + 1;
                while let Some(message) = self.held.remove(&next) {
                    self.ready.push_back(message);
                    next += 1;
                }
                if self.held.is_empty() {
                    self.held = BTreeMap::new();
                }
            }
        }
        true
    }

    /// Takes the next message, and pays back its credit.
    pub(crate) fn read(&mut self, connection: &mut ReceiveCredit) -> Option<Bytes> {
        let message = self.ready.pop_front()?;
        let cost = message.len() as u64 + MESSAGE_COST;
        self.credit.pay_back(cost);
        connection.pay_back(cost);
        Some(message)
    }

    /// Whether a message waits for being read.
    pub(crate) fn is_readable(&self) -> bool {
        !self.ready.is_empty()
    }
}

impl Partial {
    fn add(&mut self, offset: u64, data: &[u8]) {
        let index = |offset: u64| usize::try_from(offset).expect("within the longest message");
        let (start, end) = (index(offset), index(offset) + data.len());
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        self.data[start..end].copy_from_slice(data);
        self.arrived.insert(offset..offset + data.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channel::Channel;

    const WINDOW: u64 = 10_000_000;

    struct Side {
        incoming: Incoming,
        connection: ReceiveCredit,
    }

    impl Side {
        fn new(order: Order, window: u64) -> Self {
            Self {
                incoming: Incoming::new(order, window),
                connection: ReceiveCredit::new(2 * window),
            }
        }

        fn take(
            &mut self,
            number: u64,
            total: u64,
            offset: u64,
            data: &[u8],
        ) -> Result<bool, BadPiece> {
            let channel = Channel { order: self.incoming.order, number: 0 };
            let piece = Piece { channel, number, total, offset, data };
            self.incoming.on_piece(&piece, &mut self.connection)
        }

        fn whole(&mut self, number: u64) -> Result<bool, BadPiece> {
            self.take(number, 1, 0, &[u8::try_from(number % 256).unwrap()])
        }

        fn read_all(&mut self) -> Vec<Bytes> {
            std::iter::from_fn(|| self.incoming.read(&mut self.connection)).collect()
        }
    }

    #[test]
    fn order_is_kept_where_it_was_promised() {
        for (order, expected) in
            [(Order::Ordered, "\0\u{1}\u{2}"), (Order::Unordered, "\u{2}\0\u{1}")]
        {
            let mut side = Side::new(order, WINDOW);
            for number in [2, 0, 2, 1, 1] {
                side.whole(number).unwrap();
            }
            assert_eq!(side.read_all().concat(), expected.as_bytes(), "{order:?}");
        }
    }

    #[test]
    fn pieces_that_no_honest_peer_sends_are_refused() {
        let mut side = Side::new(Order::Ordered, 3 * WINDOW);
        let long = &[0; MIN_PIECE][..];
        assert_eq!(side.take(0, 9, 9, b"x"), Err(BadPiece::Wrong));
        assert_eq!(side.take(0, 9, u64::MAX, b"x"), Err(BadPiece::Wrong));
        assert_eq!(side.take(0, 9, 9, b""), Err(BadPiece::Wrong));
        assert_eq!(side.take(0, 9000, 0, &long[1..]), Err(BadPiece::Wrong));
        let longest = MAX_MESSAGE as u64;
        assert_eq!(side.take(0, longest + 1, 0, long), Err(BadPiece::TooLong));
        assert_eq!(side.take(0, longest, 0, long), Ok(false));
        assert_eq!(side.take(0, longest - 1, 0, long), Err(BadPiece::Wrong));
        assert_eq!(side.whole(MAX_AHEAD), Err(BadPiece::TooFarAhead));
        assert_eq!(side.whole(MAX_AHEAD - 1), Ok(false));
    }

    #[test]
    fn an_announced_length_takes_no_memory() {
        let mut side = Side::new(Order::Ordered, WINDOW);
        side.take(0, MAX_MESSAGE as u64, 0, &[1; 1000]).unwrap();
        assert!(side.incoming.partial[&0].data.capacity() < 4096);
    }

    #[test]
    fn what_is_held_stays_within_the_credit_and_reading_pays_back() {
        let mut side = Side::new(Order::Unordered, 1000);
        let each = 100 + MESSAGE_COST;
        for number in 0..1000 / each {
            side.take(number, 100, 0, &[0; 100]).unwrap();
        }
        assert_eq!(side.take(99, 100, 0, &[0; 100]), Err(BadPiece::Credit));
        assert!(side.incoming.credit.held() <= 1000);
        assert_eq!(side.read_all().len() as u64, 1000 / each);
        assert_eq!((side.incoming.credit.held(), side.connection.held()), (0, 0));
        side.incoming.credit.tell();
        assert_eq!(side.take(99, 100, 0, &[0; 100]), Ok(true));
    }

    proptest! {
        /// Whatever way it was cut, and in whatever order the pieces come and come again, a message is
        /// what it was, once.
        #[test]
        fn messages_are_joined_from_any_pieces(
            lens in prop::collection::vec(0_usize..4000, 1..5),
            cut in 256_usize..1200,
            order in prop::collection::vec((any::<u16>(), any::<u16>()), 60),
        ) {
            let message = |number: usize, len: usize| -> Vec<u8> {
                (0..len).map(|n| u8::try_from((n + number) % 251).unwrap()).collect()
            };
            let mut pieces = Vec::new();
            for (number, &len) in lens.iter().enumerate() {
                let message = message(number, len);
                let starts = (0..len.max(1)).step_by(cut);
                pieces.extend(starts.map(|at| (number, len, at, message[at..len.min(at + cut)].to_vec())));
            }
            let repeats = pieces.clone();
            for (from, to) in order {
                let len = pieces.len();
                pieces.swap(usize::from(from) % len, usize::from(to) % len);
                pieces.push(repeats[usize::from(to) % repeats.len()].clone());
            }
            pieces.extend(repeats);
            let mut side = Side::new(Order::Ordered, WINDOW);
            for (number, total, offset, data) in &pieces {
                side.take(*number as u64, *total as u64, *offset as u64, data).unwrap();
            }
            let expected: Vec<Vec<u8>> =
                lens.iter().enumerate().map(|(number, len)| message(number, *len)).collect();
            prop_assert_eq!(side.read_all(), expected);
            prop_assert!(side.incoming.partial.is_empty() && side.incoming.held.is_empty());
        }
    }
}
