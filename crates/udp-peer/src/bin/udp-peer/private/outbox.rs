//! What becomes of what was typed: it is kept until the peer has it, over as many connections as it takes.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::words;

/// How many bytes of lines are given to a connection and not confirmed: 4 MiB, so that there is always room
/// for one more of the longest in what a connection keeps ([`arq::limits::SEND_BUFFER`]).
const MAX_UNDER_WAY: usize = 4 * 1024 * 1024;

/// How many lines are: what a channel may be ahead, less one for the peer's view of it.
const MAX_LINES_UNDER_WAY: usize = 2048;

/// How many bytes of lines wait at most, those under way included: 8 MiB. Beyond that nothing is read from
/// the input.
const MAX_WAITING: usize = 8 * 1024 * 1024;

/// How many lines do.
const MAX_LINES: usize = 4096;

/// Lines that the peer is not known to have, in order.
#[derive(Debug)]
pub(crate) struct Outbox {
    lines: VecDeque<Line>,
    bytes: usize,
    next_id: u64,
    /// How many from the front are given to the present connection.
    given: usize,
    given_bytes: usize,
    /// The line's number for us, by its number in the channel of the present connection.
    numbers: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug)]
struct Line {
    id: u64,
    text: Bytes,
    is_confirmed: bool,
    /// Whether it was given to a connection before.
    is_told: bool,
}

/// A line for the connection.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) id: u64,
    pub(crate) text: Bytes,
    /// Whether it is the first time.
    pub(crate) is_first: bool,
}

impl Outbox {
    /// An empty one; `first` is the number of the first line.
    pub(crate) fn new(first: u64) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            next_id: first,
            given: 0,
            given_bytes: 0,
            numbers: BTreeMap::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether one more line may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.lines.len() < MAX_LINES && self.bytes < MAX_WAITING
    }

    pub(crate) fn push(&mut self, text: Vec<u8>) {
        self.bytes += text.len();
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let text = text.into();
        self.lines.push_back(Line { id, text, is_confirmed: false, is_told: false });
    }

    /// There is another connection, which has been given nothing yet.
    pub(crate) fn begin(&mut self) {
        self.lines.retain(|line| !line.is_confirmed);
        self.bytes = self.lines.iter().map(|line| line.text.len()).sum();
        (self.given, self.given_bytes) = (0, 0);
        self.numbers.clear();
    }

    /// The next line for the connection, if it is not given too much.
    pub(crate) fn next(&mut self) -> Option<Next> {
        if self.given_bytes >= MAX_UNDER_WAY || self.given >= MAX_LINES_UNDER_WAY {
            return None;
        }
        let line = self.lines.get_mut(self.given)?;
        let is_first = !std::mem::replace(&mut line.is_told, true);
        Some(Next { id: line.id, text: line.text.clone(), is_first })
    }

    /// The connection has taken the next line, under this number.
    pub(crate) fn given(&mut self, number: u64) {
        if let Some(line) = self.lines.get(self.given) {
            self.numbers.insert(number, line.id);
            self.given += 1;
            self.given_bytes += line.text.len();
        }
    }

    /// The connection will never take the next line.
    pub(crate) fn skip(&mut self) {
        if let Some(line) = self.lines.remove(self.given) {
            self.bytes -= line.text.len();
        }
    }

    /// The peer has what the connection was given under this number. Gives its own number and length.
    pub(crate) fn confirmed(&mut self, number: u64) -> Option<(u64, usize)> {
        let id = self.numbers.remove(&number)?;
        let first = self.lines.front()?.id;
        let at = usize::try_from(id.wrapping_sub(first)).ok()?;
        let at = self.place(at, id)?;
        let line = &mut self.lines[at];
        line.is_confirmed = true;
        let told = (id, line.text.len());
        while self.lines.front().is_some_and(|line| line.is_confirmed) {
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes -= line.text.len();
            self.given -= 1;
            self.given_bytes -= line.text.len();
        }
        Some(told)
    }

    /// What the peer is not known to have.
    pub(crate) fn left(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(|line| !line.is_confirmed).map(|line| &line.text[..])
    }

    /// Where a line is: at the place that its number says, or before it, where others were skipped.
    fn place(&self, guess: usize, id: u64) -> Option<usize> {
        let last = guess.min(self.lines.len().checked_sub(1)?);
        (0..=last).rev().find(|&at| self.lines[at].id == id)
    }
}

impl Next {
    /// As it travels.
    pub(crate) fn message(&self) -> Bytes {
        words::message(self.id, &self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives all that may be given, numbered from `first` on.
    fn give(outbox: &mut Outbox, first: u64) -> Vec<String> {
        let mut texts = Vec::new();
        for number in first.. {
            let Some(next) = outbox.next() else { break };
            texts.push(String::from_utf8_lossy(&next.text).into_owned());
            outbox.given(number);
        }
        texts
    }

    #[test]
    fn what_is_not_confirmed_goes_again_on_the_next_connection() {
        let mut outbox = Outbox::new(u64::MAX);
        for text in ["a", "b", "c"] {
            outbox.push(text.into());
        }
        assert_eq!(give(&mut outbox, 0), ["a", "b", "c"]);
        // Out of order, as it comes where a packet was lost.
        assert_eq!(outbox.confirmed(1), Some((0, 1)));
        assert_eq!((outbox.confirmed(1), outbox.confirmed(9)), (None, None));
        assert_eq!(outbox.left().collect::<Vec<_>>(), [b"a", b"c"]);
        outbox.begin();
        outbox.push("d".into());
        assert_eq!(give(&mut outbox, 0), ["a", "c", "d"]);
        for number in 0..3 {
            assert!(outbox.confirmed(number).is_some(), "{number}");
        }
        assert!(outbox.is_empty() && outbox.left().next().is_none());
        assert_eq!((outbox.bytes, outbox.given, outbox.given_bytes), (0, 0, 0));
    }

    #[test]
    fn a_line_that_is_skipped_is_in_nobody_s_way() {
        let mut outbox = Outbox::new(7);
        for text in ["a", "too long", "c"] {
            outbox.push(text.into());
        }
        assert!(outbox.next().is_some_and(|next| next.is_first && next.id == 7));
        outbox.given(0);
        assert!(outbox.next().is_some());
        outbox.skip();
        assert_eq!(give(&mut outbox, 1), ["c"]);
        assert_eq!(outbox.confirmed(1), Some((9, 1)));
        assert_eq!(outbox.confirmed(0), Some((7, 1)));
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_waits_and_what_is_under_way_is_bounded() {
        let mut outbox = Outbox::new(0);
        while outbox.has_room() {
            outbox.push(vec![b'x'; words::MAX_LINE]);
        }
        assert!(outbox.bytes < MAX_WAITING + words::MAX_LINE);
        give(&mut outbox, 0);
        assert!(outbox.given_bytes < MAX_UNDER_WAY + words::MAX_LINE);
        let mut outbox = Outbox::new(0);
        while outbox.has_room() {
            outbox.push(Vec::new());
        }
        assert_eq!(outbox.lines.len(), MAX_LINES);
        assert_eq!(give(&mut outbox, 0).len(), MAX_LINES_UNDER_WAY);
    }
}
