//! What waits to be sent to one client, and how much memory that holds.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

use bytes::Bytes;

use crate::limits::{COPY_BELOW, ENTRY, PRESSED, RELIEVED, TAIL};

/// Bytes that go to one or many clients, with the memory that is held by holding them.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The bytes.
    pub bytes: Bytes,
    /// Length of the memory that they lie in: never less than their own, and more where they are a part
    /// of what was read.
    pub pinned: usize,
}

/// How full an outbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Low,
    /// Above [`PRESSED`], or a quarter of its limit where that is less: who pushes should wait a little.
    Pressed,
    /// Above half its limit: nobody should say more to the client before it has taken some.
    Strained,
    /// Above its limit. The client is too slow.
    Over,
}

/// What waits to be sent to one client, in one order, bounded by the memory that it pins.
///
/// 1. [`Outbox::push`] puts a parcel behind the others.
/// 2. [`Outbox::take`] moves everything into a [`Batch`], which is written outside any lock.
/// 3. [`Outbox::sent`] tells how much memory was let go since.
///
/// What is in a batch still counts: it is held as much as what waits.
#[derive(Debug)]
pub struct Outbox {
    pieces: VecDeque<Piece>,
    /// Small parcels, one after the other. It stands behind all the pieces.
    tail: Vec<u8>,
    pinned: usize,
    limit: usize,
}

/// What a client is being sent.
#[derive(Debug, Default)]
pub struct Batch {
    pieces: VecDeque<Piece>,
    /// How much of the first one has been sent.
    written: usize,
}

#[derive(Debug)]
enum Piece {
    Shared(Parcel),
    Own(Vec<u8>),
}

impl From<Bytes> for Parcel {
    fn from(bytes: Bytes) -> Self {
        Self { pinned: bytes.len(), bytes }
    }
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(parcel) => &parcel.bytes,
            Self::Own(bytes) => bytes,
        }
    }

    fn pinned(&self) -> usize {
        ENTRY
            + match self {
                Self::Shared(parcel) => parcel.pinned,
                Self::Own(bytes) => bytes.capacity(),
            }
    }
}

impl Outbox {
    /// An empty outbox that may pin `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { pieces: VecDeque::new(), tail: Vec::new(), pinned: 0, limit }
    }

    /// Puts a parcel behind the others. It is there whatever the answer is.
    #[inline]
    pub fn push(&mut self, parcel: &Parcel) -> Level {
        if parcel.bytes.len() <= COPY_BELOW {
            self.copy(&parcel.bytes);
        } else {
            self.end_tail();
            self.add(Piece::Shared(parcel.clone()));
        }
        self.level()
    }

    /// How full it is.
    pub fn level(&self) -> Level {
        match self.pinned {
            pinned if pinned > self.limit => Level::Over,
            pinned if pinned > self.limit / 2 => Level::Strained,
            pinned if pinned > PRESSED.min(self.limit / 4) => Level::Pressed,
            _ => Level::Low,
        }
    }

    /// How many bytes may be put at once: what half the limit leaves.
    pub fn room(&self) -> usize {
        (self.limit / 2).saturating_sub(self.pinned)
    }

    /// Whether it is so empty again that nobody need wait for it.
    pub fn is_relieved(&self) -> bool {
        self.pinned <= RELIEVED.min(self.limit / 8)
    }

    /// Whether who does not push may go on: only a quarter of the limit is left.
    pub fn is_eased(&self) -> bool {
        self.pinned <= self.limit / 4
    }

    /// How much memory is held by what waits and by what is in a batch.
    pub fn pinned(&self) -> usize {
        self.pinned
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.tail.is_empty()
    }

    /// Moves everything that waits into `batch`, which is empty.
    pub fn take(&mut self, batch: &mut Batch) {
        debug_assert!(batch.is_empty(), "what is left of a batch goes out first");
        mem::swap(&mut self.pieces, &mut batch.pieces);
        if !self.tail.is_empty() {
            self.pinned += ENTRY;
            batch.pieces.push_back(Piece::Own(mem::take(&mut self.tail)));
        }
    }

    /// Tells that a batch let go of so much memory.
    pub fn sent(&mut self, pinned: usize) {
        self.pinned -= pinned;
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        let waiting: usize = self.pieces.iter().map(Piece::pinned).sum();
        self.pinned -= waiting + self.tail.capacity();
        self.pieces = VecDeque::new();
        self.tail = Vec::new();
    }

    /// Gives back what a busy time has left behind.
    pub fn release(&mut self) {
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
    }

    fn copy(&mut self, bytes: &[u8]) {
        if self.tail.len() + bytes.len() > TAIL {
            self.end_tail();
        }
        let before = self.tail.capacity();
        self.tail.extend_from_slice(bytes);
        self.pinned += self.tail.capacity() - before;
    }

    fn end_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = Piece::Own(mem::take(&mut self.tail));
            self.pinned -= tail.pinned() - ENTRY;
            self.add(tail);
        }
    }

    fn add(&mut self, piece: Piece) {
        self.pinned += piece.pinned();
        self.pieces.push_back(piece);
    }
}

impl Batch {
    /// Whether everything has been sent.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The bytes to send, as many pieces as there are slices. Gives how many slices were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let filled = slices.iter_mut().zip(&self.pieces).map(|(slice, piece)| {
            *slice = IoSlice::new(&piece.bytes()[mem::take(&mut skip)..]);
        });
        filled.count()
    }

    /// Tells that so many bytes were sent. Gives how much memory was let go.
    pub fn advance(&mut self, sent: usize) -> usize {
        self.written += sent;
        let mut pinned = 0;
        while let Some(first) = self.pieces.front()
            && first.bytes().len() <= self.written
        {
            self.written -= first.bytes().len();
            pinned += first.pinned();
            self.pieces.pop_front();
        }
        pinned
    }

    /// Gives back what a busy time has left behind.
    pub fn release(&mut self) {
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(byte: u8, len: usize) -> Parcel {
        Bytes::from(vec![byte; len]).into()
    }

    /// Takes everything in writes of `step` bytes.
    fn drain(outbox: &mut Outbox, step: usize) -> Vec<u8> {
        let (mut batch, mut all) = (Batch::default(), Vec::new());
        while !outbox.is_empty() {
            outbox.take(&mut batch);
            while !batch.is_empty() {
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = batch.slices(&mut slices);
                let bytes = slices[..filled].iter().map(|s| &s[..]).collect::<Vec<_>>().concat();
                let sent = step.min(bytes.len());
                all.extend_from_slice(&bytes[..sent]);
                let pinned = batch.advance(sent);
                outbox.sent(pinned);
            }
        }
        all
    }

    #[test]
    fn everything_comes_out_in_its_order_and_no_memory_stays() {
        for step in [997, 5000, usize::MAX] {
            let mut outbox = Outbox::new(usize::MAX);
            let mut expected = Vec::new();
            for (byte, len) in (0_u8..).zip([1, 3, 1024, 1025, 4000, 2, 70_000, 70_000, 5, 9]) {
                outbox.push(&parcel(byte, len));
                expected.extend(vec![byte; len]);
            }
            assert!(outbox.pinned() >= expected.len());
            assert_eq!(drain(&mut outbox, step), expected, "{step}");
            assert_eq!(outbox.pinned(), 0, "{step}");
        }
    }

    #[test]
    fn what_is_pinned_counts_and_not_only_what_is_held() {
        let mut outbox = Outbox::new(100_000);
        let bytes = Bytes::from(vec![0; 2000]);
        for _ in 0..3 {
            assert!(outbox.push(&Parcel { bytes: bytes.clone(), pinned: 30_000 }) < Level::Over);
        }
        assert_eq!(outbox.push(&Parcel { bytes, pinned: 30_000 }), Level::Over);
    }

    #[test]
    fn tiny_parcels_are_bounded_too_and_cost_little_more_than_their_bytes() {
        let mut outbox = Outbox::new(100_000);
        let pushed = (0..100_000).take_while(|_| outbox.push(&parcel(1, 50)) < Level::Over).count();
        assert!((700..2000).contains(&pushed), "{pushed}");
        assert!(outbox.pinned() < 300_000, "{}", outbox.pinned());
    }

    #[test]
    fn what_is_in_a_batch_still_counts_and_what_waits_can_be_forgotten() {
        let (mut outbox, mut batch) = (Outbox::new(10_000), Batch::default());
        outbox.push(&parcel(1, 2000));
        outbox.take(&mut batch);
        assert_eq!(outbox.level(), Level::Low);
        outbox.push(&parcel(1, 10));
        assert_eq!(outbox.push(&parcel(1, 2000)), Level::Pressed);
        assert_eq!(outbox.push(&parcel(1, 2000)), Level::Strained);
        assert_eq!(outbox.push(&parcel(1, 4000)), Level::Over);
        outbox.clear();
        assert_eq!((outbox.pinned(), outbox.is_empty()), (2000 + ENTRY, true));
        let pinned = batch.advance(2000);
        outbox.sent(pinned);
        assert_eq!(outbox.pinned(), 0);
        assert!(outbox.is_relieved());
    }
}
