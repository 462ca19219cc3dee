//! Which packet numbers were had: RFC 6479.
//!
//! A ring of bits, one for each of the last [`REPLAY_WINDOW`] numbers. As the RFC has it, the window
//! moves by whole words, which are cleared as they are entered, so nothing is ever shifted.

use crate::limits::REPLAY_WINDOW;

const BITS: u64 = u64::BITS as u64;
/// One word more than the window needs, because the newest one is filled bit by bit (RFC 6479 §3).
const WORDS: u64 = REPLAY_WINDOW / BITS + 1;

/// The packets that were opened.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The number behind the highest one; 0 while there is none.
    next: u64,
    words: Box<[u64]>,
}

impl Replay {
    pub(crate) fn new() -> Self {
        Self { next: 0, words: vec![0; usize_of(WORDS)].into() }
    }

    /// Whether a packet with this number may be opened: it was not had, and is not too old to know.
    ///
    /// That it looks so proves nothing, so nothing is changed before the packet has been opened.
    pub(crate) fn is_new(&self, number: u64) -> bool {
        if number >= self.next {
            return true;
        }
        if self.next - number > REPLAY_WINDOW {
            return false;
        }
        self.words[word(number)] & bit(number) == 0
    }

    /// Notes that a packet was opened, which [`Replay::is_new`] allowed.
    pub(crate) fn mark(&mut self, number: u64) {
        if number >= self.next {
            // Words that are entered hold what was long ago. Further than the ring they are all entered.
            let entered = number / BITS - self.next.saturating_sub(1) / BITS;
            for step in 0..entered.min(WORDS) {
                self.words[usize_of((number / BITS - step) % WORDS)] = 0;
            }
            self.next = number + 1;
        }
        self.words[word(number)] |= bit(number);
    }

    /// Whether no number above was marked.
    pub(crate) fn is_highest(&self, number: u64) -> bool {
        number + 1 == self.next
    }
}

fn word(number: u64) -> usize {
    usize_of(number / BITS % WORDS)
}

fn bit(number: u64) -> u64 {
    1 << (number % BITS)
}

fn usize_of(index: u64) -> usize {
    usize::try_from(index).expect("an index into the ring")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Offers the number, as a packet that opens.
    fn offer(replay: &mut Replay, number: u64) -> bool {
        let new = replay.is_new(number);
        if new {
            replay.mark(number);
        }
        new
    }

    /// The cases that RFC 6479 is about, and those that WireGuard tests its window with.
    #[test]
    fn the_window_is_replay_window_wide_and_has_each_number_once() {
        let mut replay = Replay::new();
        let w = REPLAY_WINDOW;
        for (number, expected) in [
            (0, true),
            (1, true),
            (1, false),
            (9, true),
            (8, true),
            (7, true),
            (7, false),
            (w, true),
            (w - 1, true),
            (w - 1, false),
            // The word in which the newest one is has not taken the place of the oldest one.
            (9, false),
            (w - 2, true),
            (2, true),
            (2, false),
            (w + 16, true),
            (3, false),
            (w + 16, false),
            (w * 4, true),
            (w * 4 - (w - 1), true),
            (10, false),
            (w * 4 - w, false),
            (w * 4 - (w + 1), false),
            (w * 4 - (w - 2), true),
            (w * 4 + 1 - w, false),
            (0, false),
            (1 << 40, true),
            ((1 << 40) - w + 1, true),
            ((1 << 40) - w, false),
            (w * 4, false),
        ] {
            assert_eq!(offer(&mut replay, number), expected, "{number}");
        }
    }

    #[test]
    fn looking_marks_nothing() {
        let mut replay = Replay::new();
        assert!(replay.is_new(5));
        assert!(replay.is_new(1 << 30));
        assert!(replay.is_new(5));
        replay.mark(5);
        assert!(!replay.is_new(5) && replay.is_new(0) && replay.is_highest(5));
    }

    /// Of a window that was full, and is left by so much: what is new is new, what was had was had.
    #[test]
    fn nothing_old_is_left_where_the_window_goes() {
        let w = REPLAY_WINDOW;
        for highest in [2 * w - 2, 2 * w - 1, 2 * w, 2 * w + 31] {
            for step in [1, 2, 63, 64, 65, w - 64, w - 1, w, w + 63, w + 64, w + 65, 10 * w] {
                let mut replay = Replay::new();
                (0..=highest).for_each(|number| replay.mark(number));
                let newest = highest + step;
                replay.mark(newest);
                for number in newest + 1 - w..newest {
                    assert_eq!(
                        replay.is_new(number),
                        number > highest,
                        "{highest} {step} {number}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_the_last_numbers(
            steps in prop::collection::vec((0_u64..6000, any::<bool>()), 1..200),
        ) {
            let mut replay = Replay::new();
            let mut model = BTreeSet::new();
            let mut at = 0_u64;
            for (step, forward) in steps {
                at = if forward { at + step } else { at.saturating_sub(step) };
                let highest = model.last().copied().unwrap_or(0);
                let recent = at + REPLAY_WINDOW > highest;
                prop_assert_eq!(offer(&mut replay, at), recent && model.insert(at), "{}", at);
            }
        }
    }
}
