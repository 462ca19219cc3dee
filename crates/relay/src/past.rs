//! What was said in a room, kept for who joins.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use proto::run;

use crate::limits::PAST_FRAMES;

/// The last frames of a room: at most [`PAST_FRAMES`], and bounded by the memory that they pin. What was
/// said last is kept whatever it takes, which is as much as one read may bring.
#[derive(Debug)]
pub(crate) struct Past {
    slices: VecDeque<Slice>,
    frames: usize,
    pinned: usize,
    limit: usize,
}

/// Frames of one sender that follow each other.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) from: u32,
    /// The name that the sender went by.
    pub(crate) name: Arc<str>,
    pub(crate) bytes: Bytes,
    pub(crate) frames: usize,
    pinned: usize,
}

impl Past {
    /// A past that pins at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { slices: VecDeque::new(), frames: 0, pinned: 0, limit }
    }

    /// Keeps the end of a run of `frames` frames, whose `bytes` pin `pinned` bytes.
    ///
    /// It is copied where less than half of what it pins would be kept, or where that is more than may be
    /// pinned. So many small messages do not hold the large buffer that they were read into, and a large
    /// one is not copied in vain.
    pub(crate) fn keep(
        &mut self,
        from: u32,
        name: &Arc<str>,
        bytes: &Bytes,
        frames: usize,
        pinned: usize,
    ) {
        let skipped = frames.saturating_sub(PAST_FRAMES);
        let kept = bytes.slice(run::len_of_first(bytes, skipped)..);
        let (bytes, pinned) = if kept.len() < pinned / 2 || pinned > self.limit {
            (Bytes::copy_from_slice(&kept), kept.len())
        } else {
            (kept, pinned)
        };
        let frames = frames - skipped;
        self.frames += frames;
        self.pinned += pinned;
        self.slices.push_back(Slice { from, name: Arc::clone(name), bytes, frames, pinned });
        self.forget();
    }

    /// The slices with the frames that are kept, in their order.
    pub(crate) fn slices(&self) -> impl DoubleEndedIterator<Item = Slice> {
        // The oldest slice may have more than is wanted of it.
        let skip = self.frames.saturating_sub(PAST_FRAMES);
        self.slices.iter().enumerate().map(move |(at, slice)| {
            let skipped = if at == 0 { skip } else { 0 };
            Slice {
                from: slice.from,
                name: Arc::clone(&slice.name),
                bytes: slice.bytes.slice(run::len_of_first(&slice.bytes, skipped)..),
                frames: slice.frames - skipped,
                pinned: slice.pinned,
            }
        })
    }

    fn forget(&mut self) {
        while self.slices.len() > 1
            && let Some(oldest) = self.slices.front()
            && (self.frames - oldest.frames >= PAST_FRAMES || self.pinned > self.limit)
        {
            self.frames -= oldest.frames;
            self.pinned -= oldest.pinned;
            self.slices.pop_front();
        }
    }
}

impl Slice {
    /// How much memory it pins.
    pub(crate) fn pinned(&self) -> usize {
        self.pinned
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proto::{Header, Kind};

    use super::*;

    fn run_of(ids: std::ops::Range<u64>, payload: usize) -> Bytes {
        let mut bytes = BytesMut::new();
        for id in ids {
            Header::new(Kind::Data, 1, id).encode(&vec![0; payload], 1 << 20, &mut bytes).unwrap();
        }
        bytes.freeze()
    }

    fn ids(past: &Past) -> Vec<u64> {
        let ids = |slice: Slice| {
            assert_eq!(run::frames(&slice.bytes).count(), slice.frames);
            run::frames(&slice.bytes).map(|(header, _)| header.id).collect::<Vec<_>>()
        };
        past.slices().flat_map(ids).collect()
    }

    #[test]
    fn the_last_200_frames_are_kept_however_they_came() {
        let name = "a".into();
        for step in [1, 3, 7, 150, 200, 201, 999] {
            let mut past = Past::new(usize::MAX);
            let mut next = 0;
            for _ in 0..=450 / step {
                let bytes = run_of(next..next + step, 10);
                past.keep(1, &name, &bytes, usize::try_from(step).unwrap(), bytes.len());
                next += step;
                let first = next.saturating_sub(200);
                assert_eq!(ids(&past), (first..next).collect::<Vec<_>>(), "{step}");
            }
        }
    }

    #[test]
    fn a_small_part_of_what_is_pinned_is_copied_and_memory_is_bounded() {
        let name = "a".into();
        let mut past = Past::new(100_000);
        let bytes = run_of(0..2, 10);
        past.keep(1, &name, &bytes, 2, 50_000);
        assert_eq!(past.pinned, bytes.len());
        let bytes = run_of(2..3, 60_000);
        past.keep(1, &name, &bytes, 1, 70_000);
        assert_eq!(ids(&past), [0, 1, 2]);
        past.keep(1, &name, &bytes, 1, 70_000);
        assert_eq!(ids(&past), [2]);
        assert!(past.pinned <= 100_000);
        // It may be longer than all that is kept, and is what was said last.
        let bytes = run_of(3..4, 110_000);
        past.keep(1, &name, &bytes, 1, 130_000);
        assert_eq!((ids(&past), past.pinned), (vec![3], bytes.len()));
    }
}
