//! A run: complete data frames of one room, as one slice of the buffer that they were read into.
//!
//! A relay stamps a run in place and hands the same bytes to every receiver. Nothing is copied and
//! nothing is encoded again, so the cost of a frame does not grow with the number of its receivers.

use bytes::{Bytes, BytesMut};

use crate::frame::{HEADER_LEN, Header, Kind, LENGTH_LEN, be_u32, field};
use crate::limits::RUN_SHARE;
use crate::read_buffer::ReadBuffer;

/// One or more complete data frames of one room, in the order in which they arrived.
///
/// Only a [`crate::Decoder`] makes one, after it has checked every frame: that is why the methods here
/// cannot fail.
///
/// It stands at the front of the decoder's buffer, and is gone from there when it is dropped. Bytes of
/// its own, which share the buffer's memory by a count of references, it becomes only where somebody
/// keeps it ([`Run::freeze`], [`Run::into_bytes`]): a run of one small frame that is read, written on
/// or copied costs no such count.
#[derive(Debug)]
pub struct Run<'d> {
    buffer: &'d mut ReadBuffer,
    /// How many bytes at the front of the buffer it has.
    len: usize,
    frames: usize,
    room: u32,
    is_last: bool,
}

impl Drop for Run<'_> {
    #[inline]
    fn drop(&mut self) {
        self.buffer.skip(self.len);
    }
}

impl<'d> Run<'d> {
    #[inline]
    pub(crate) fn new(
        buffer: &'d mut ReadBuffer,
        len: usize,
        frames: usize,
        room: u32,
        is_last: bool,
    ) -> Self {
        Self { buffer, len, frames, room, is_last }
    }

    /// How many frames there are; at least one.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The room of all of them.
    pub fn room(&self) -> u32 {
        self.room
    }

    /// The frames as they stand in the buffer.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[..self.len]
    }

    /// Whether nothing behind it can be taken before more bytes arrive: there is nothing, or the beginning
    /// of a frame.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Writes `from` and `time` into every frame, and `first_seq`, `first_seq + 1`, ... in their order.
    pub fn stamp(&mut self, from: u32, first_seq: u64, time: u64) {
        let mut seq = first_seq;
        for mut frame in self.iter_mut() {
            frame.stamp(from, seq, time);
            seq = seq.wrapping_add(1);
        }
    }

    /// Leaves the run where it is, to be taken again.
    pub fn leave(mut self) {
        self.len = 0;
    }

    /// The frames one by one, to be read.
    pub fn iter(&self) -> impl Iterator<Item = (Header, &[u8])> {
        frames(self.bytes())
    }

    /// The frames one by one, with the fields that a relay stamps open for writing.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = FrameMut<'_>> {
        let mut rest = self.buffer.front_mut(self.len);
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let len = frame_len(rest);
            let (frame, after) = std::mem::take(&mut rest).split_at_mut(len);
            rest = after;
            Some(FrameMut { bytes: frame })
        })
    }

    /// The run as shared bytes: a clone of them is a reference, not a copy.
    ///
    /// A run that fills less than a quarter of the memory that it was read into ([`RUN_SHARE`]) is copied
    /// once, for all receivers: each of them would hold all of that memory until it has sent the run.
    pub fn freeze(self) -> Bytes {
        if self.is_small() {
            return Bytes::copy_from_slice(self.bytes());
        }
        self.into_bytes().freeze()
    }

    /// The run as bytes of its own, never copied: they hold all the memory that they were read into.
    pub fn into_bytes(mut self) -> BytesMut {
        let len = std::mem::take(&mut self.len);
        self.buffer.split_to(len)
    }

    /// How much memory is held by whoever holds what [`Run::freeze`] gives.
    pub fn pinned(&self) -> usize {
        if self.is_small() { self.len } else { self.buffer.chunk() }
    }

    /// Whether it is too small a part of its memory to hold all of that.
    fn is_small(&self) -> bool {
        self.len < self.buffer.chunk() / RUN_SHARE
    }
}

/// The frames in `run`, which must be the bytes of a run or complete frames of its end.
pub fn frames(run: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    let mut rest = run;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (frame, after) = rest.split_at(frame_len(rest));
        rest = after;
        Some((Header::parse(frame, Kind::Data), &frame[HEADER_LEN..]))
    })
}

/// How many bytes the first `count` frames of `run` take.
pub fn len_of_first(run: &[u8], count: usize) -> usize {
    let mut end = 0;
    for _ in 0..count {
        end += frame_len(&run[end..]);
    }
    end
}

/// One frame of a [`Run`], its stamped fields open for writing.
#[derive(Debug)]
pub struct FrameMut<'a> {
    bytes: &'a mut [u8],
}

impl FrameMut<'_> {
    /// Writes the three fields that a relay stamps.
    #[inline]
    pub fn stamp(&mut self, from: u32, seq: u64, time: u64) {
        // One look at the length, where three ranges of a slice would take three.
        let header = self.bytes.first_chunk_mut::<HEADER_LEN>().expect("a frame has a header");
        header[field::FROM].copy_from_slice(&from.to_be_bytes());
        header[field::SEQ].copy_from_slice(&seq.to_be_bytes());
        header[field::TIME].copy_from_slice(&time.to_be_bytes());
    }

    /// The header as it stands.
    pub fn header(&self) -> Header {
        Header::parse(self.bytes, Kind::Data)
    }

    /// What follows the header.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[HEADER_LEN..]
    }
}

/// Length of the checked frame at the front of `bytes`.
#[inline]
fn frame_len(bytes: &[u8]) -> usize {
    LENGTH_LEN + be_u32(bytes, field::LENGTH) as usize
}
