//! From a stream of bytes to frames.

use std::hint::black_box;

use bytes::{Buf, BytesMut};

use crate::frame::{
    Frame, FrameError, Front, HEADER_LEN, Header, Kind, LENGTH_LEN, be_u32, check, field,
    next_of_run,
};
use crate::limits::MAX_FRAME_LENGTH;
use crate::read_buffer::ReadBuffer;
use crate::run::Run;

/// Takes bytes as they arrive and gives back complete frames.
///
/// 1. Put bytes in with [`Decoder::push`], or read straight into [`Decoder::space`].
/// 2. Take with [`Decoder::take`] (runs and control frames) or [`Decoder::take_frame`] (one by one)
///    until it gives `None`.
/// 3. At the end of the stream ask [`Decoder::finish`] whether a frame was cut.
///
/// However the stream is split, the same frames come out, and an error comes only after every complete
/// frame before it. After an error the decoder is out of step for good: end the connection.
///
/// ```
/// use bytes::BytesMut;
/// use proto::{Decoder, Header, Kind, Taken, limits::MAX_FRAME_LENGTH};
///
/// let mut stream = BytesMut::new();
/// Header::new(Kind::Data, 7, 1).encode("你好".as_bytes(), MAX_FRAME_LENGTH, &mut stream)?;
///
/// let mut decoder = Decoder::default();
/// decoder.push(&stream[..13]);
/// assert!(decoder.take()?.is_none());
/// decoder.push(&stream[13..]);
/// let Some(Taken::Run(mut run)) = decoder.take()? else { panic!("a run of one frame") };
/// run.stamp(42, 1000, 0);
/// let (header, payload) = run.iter().next().expect("a run has a frame");
/// assert_eq!((header.room, header.from, header.seq), (7, 42, 1000));
/// assert_eq!(payload, "你好".as_bytes());
/// # Ok::<(), proto::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    buffer: ReadBuffer,
    max_length: u32,
    ignored: u64,
}

/// What stands at the front of a stream.
#[derive(Debug)]
pub enum Taken<'d> {
    /// Data frames of one room. The run ends before a frame of another room, a control frame, a frame
    /// that is refused, and one that is not complete.
    Run(Run<'d>),
    /// One control frame.
    Control(Frame),
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(MAX_FRAME_LENGTH)
    }
}

impl Decoder {
    /// A decoder that refuses frames whose length field is above `max_length`.
    pub fn new(max_length: u32) -> Self {
        let longest = LENGTH_LEN.saturating_add(max_length as usize);
        Self { buffer: ReadBuffer::new(longest), max_length, ignored: 0 }
    }

    /// The same with reads of up to `room` bytes in place of [`MAX_READ_CHUNK`], for who moves much on few
    /// connections.
    ///
    /// [`MAX_READ_CHUNK`]: crate::limits::MAX_READ_CHUNK
    #[must_use]
    pub fn with_reads_of(mut self, room: usize) -> Self {
        self.buffer.set_max_read(room);
        self
    }

    /// Appends bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    /// The buffer, with room for another read, to append to.
    ///
    /// Room is made by what reads take, never by what a header announces: [`READ_CHUNK`] at first, and up
    /// to [`MAX_READ_CHUNK`] while reads fill what they are given.
    ///
    /// [`READ_CHUNK`]: crate::limits::READ_CHUNK
    /// [`MAX_READ_CHUNK`]: crate::limits::MAX_READ_CHUNK
    pub fn space(&mut self) -> &mut BytesMut {
        self.buffer.space()
    }

    /// How many bytes have arrived and have not been taken.
    pub fn buffered(&self) -> usize {
        self.buffer.bytes().len()
    }

    /// How much memory the buffer takes.
    ///
    /// It is bounded by the longest frame and the largest read together, as long as what is complete is
    /// taken between reads, and falls back when what needed it has been taken. Runs and frames that were
    /// taken may share this memory.
    pub fn capacity(&self) -> usize {
        self.buffer.chunk()
    }

    /// The first byte that has not been taken. That of a frame is zero at any limit below 16 MiB, so it
    /// tells frames from text.
    pub fn first_byte(&self) -> Option<u8> {
        self.buffer.bytes().first().copied()
    }

    /// What has arrived and has not been taken, for who finds that it is no frames.
    pub fn into_bytes(self) -> BytesMut {
        self.buffer.into_bytes()
    }

    /// Gives the buffer's memory back where nothing waits in it, as on a connection that falls silent.
    ///
    /// The next [`Decoder::space`] takes as much as the reads before have shown to be of use.
    pub fn release(&mut self) {
        self.buffer.release();
    }

    /// How many frames of an unknown kind were skipped because their sender allowed it.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Takes the run of data frames at the front, or the control frame there.
    ///
    /// `None` says that more bytes are needed.
    pub fn take(&mut self) -> Result<Option<Taken<'_>>, FrameError> {
        let Some((len, kind)) = self.front()? else { return Ok(None) };
        if kind.is_control() {
            return Ok(Some(Taken::Control(self.split_frame(len, kind))));
        }
        let bytes = self.buffer.bytes();
        let room = be_u32(bytes, field::ROOM);
        ask_ahead(bytes, len, len);
        let (mut end, mut frames, mut last) = (len, 1, len);
        let is_last = loop {
            let rest = &bytes[end..];
            let Some(len) = next_of_run(rest, room, self.max_length) else {
                break rest.is_empty()
                    || matches!(check(rest, self.max_length), Ok(Front::Incomplete { .. }));
            };
            end += len;
            frames += 1;
            last = len;
            ask_ahead(bytes, end, len);
        };
        self.buffer.took(last);
        Ok(Some(Taken::Run(Run::new(&mut self.buffer, end, frames, room, is_last))))
    }

    /// Takes one frame of any kind.
    ///
    /// `None` says that more bytes are needed.
    pub fn take_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some((len, kind)) = self.front()? else { return Ok(None) };
        Ok(Some(self.split_frame(len, kind)))
    }

    /// Says whether the stream ended between two frames, as it should.
    ///
    /// What has not been taken yet is judged too, and stays where it is.
    pub fn finish(&self) -> Result<(), FrameError> {
        let mut rest = self.buffer.bytes();
        while !rest.is_empty() {
            match check(rest, self.max_length)? {
                Front::Complete { len, .. } | Front::Ignorable { len } => rest = &rest[len..],
                Front::Incomplete { need } => {
                    return Err(FrameError::Cut { have: rest.len(), need });
                }
            }
        }
        Ok(())
    }

    /// The complete frame at the front, after those that may be ignored are gone.
    #[inline]
    fn front(&mut self) -> Result<Option<(usize, Kind)>, FrameError> {
        loop {
            match check(self.buffer.bytes(), self.max_length)? {
                Front::Complete { len, kind } => return Ok(Some((len, kind))),
                Front::Incomplete { .. } => return Ok(None),
                Front::Ignorable { len } => self.ignore(len),
            }
        }
    }

    // Few streams have any, and `front` is looked through for each frame.
    #[cold]
    fn ignore(&mut self, len: usize) {
        self.buffer.skip(len);
        self.ignored += 1;
    }

    fn split_frame(&mut self, len: usize, kind: Kind) -> Frame {
        self.buffer.took(len);
        let mut bytes = self.buffer.split_to(len);
        let header = Header::parse(&bytes, kind);
        bytes.advance(HEADER_LEN);
        Frame { header, payload: bytes.freeze() }
    }
}

/// Has the processor fetch a header that is likely to be needed soon, behind `end` and frames of `len`.
///
/// Where the next header lies is known only when the one before it has come from memory, and a processor
/// fetches ahead on its own within a page at most. Frames that follow each other are mostly of one
/// length, so the place of a later one is guessed; where the guess is wrong, nothing is lost.
#[inline]
fn ask_ahead(bytes: &[u8], end: usize, len: usize) {
    const PAGE: usize = 4096;
    const AHEAD: usize = 3;
    if len >= PAGE {
        black_box(bytes.get(end + AHEAD * len).copied());
    }
}
