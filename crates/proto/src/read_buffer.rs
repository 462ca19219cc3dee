//! How much memory a stream's bytes take while they wait to be taken.

use bytes::{Buf, BytesMut};

use crate::limits::{MAX_READ_CHUNK, READ_CHUNK};

/// After how many small reads in a row the next ones are given less room: 8.
///
/// The stream of a busy peer is cut where the network had a gap. One that lost its chunk at each of them had
/// a new one most of the time, whose memory the kernel first has to clear.
const SMALL_READS: u32 = 8;

/// Bytes that have arrived, in one chunk of memory that runs taken from it share.
///
/// `BytesMut` alone would do, were it not for three habits: it starts a new chunk for every read while
/// one taken run is still held, however small; it never gives back what one large frame needed; and
/// it does not say how large its chunk is, which decides whether a run may be shared as it is.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    bytes: BytesMut,
    /// The most that has to lie here together: the longest frame.
    longest: usize,
    /// How much room a read is given at most.
    max_read: usize,
    /// Length of the memory that `bytes` lies in. Every allocation is made here, so it is known.
    chunk: usize,
    /// How much room the next chunk gives to a read.
    wanted: usize,
    /// How much room the last read was given.
    given: usize,
    /// How many reads in a row used little of the room that they were given.
    small: u32,
    /// How long the frame was that was taken last.
    frame: usize,
}

impl ReadBuffer {
    /// A buffer for frames of at most `longest` bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            longest,
            max_read: MAX_READ_CHUNK,
            chunk: 0,
            wanted: READ_CHUNK,
            given: 0,
            small: 0,
            frame: 0,
        }
    }

    pub(crate) fn set_max_read(&mut self, room: usize) {
        self.max_read = room.max(READ_CHUNK);
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first `len` bytes, to be written into.
    pub(crate) fn front_mut(&mut self, len: usize) -> &mut [u8] {
        &mut self.bytes[..len]
    }

    /// Length of the memory that the bytes lie in.
    pub(crate) fn chunk(&self) -> usize {
        // A caller that appends more than it was given room for makes the bytes grow on their own.
        self.chunk.max(self.bytes.capacity())
    }

    /// The bytes, with room for another read behind them.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        self.learn();
        if self.bytes.is_empty() && self.chunk() > 2 * self.wanted {
            // What one large frame needed is not kept for the small ones after it.
            self.bytes = BytesMut::new();
        }
        // The front of a chunk that nobody shares is used again at once: it is still in the processor's
        // caches, and the read gets all the room that it can fill. In one that is shared, small reads go
        // on in the rest, so that many small runs share it. One that is too small for what reads have come
        // to fill is left when nothing lies in it.
        let room = self.room();
        if self.spare() < room
            && !self.bytes.try_reclaim(room)
            && (self.spare() < room / 4 || self.bytes.is_empty() && self.chunk() < room)
        {
            self.make_room(room, room);
        }
        self.given = self.spare();
        &mut self.bytes
    }

    /// A frame of this length was taken.
    #[inline]
    pub(crate) fn took(&mut self, frame: usize) {
        self.frame = frame;
    }

    /// How much room to give to a read.
    ///
    /// Frames that follow each other are mostly of one length. Where they are long, the room ends where one
    /// of them does, if reads fill it: then nothing is left that would have to be moved to the front, and
    /// nothing waits for the rest of a frame. It is the last end for which there may be memory.
    fn room(&self) -> usize {
        const LONG: usize = 4096;
        let len = self.bytes.len();
        if self.frame < LONG || self.frame > self.wanted {
            return self.wanted;
        }
        let end = (len + self.wanted).next_multiple_of(self.frame);
        let is_too_far = end > self.most();
        end - len - if is_too_far { self.frame } else { 0 }
    }

    /// How much memory there is at most, where reads alone fill it.
    fn most(&self) -> usize {
        self.longest.saturating_add(self.max_read)
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.spare() < bytes.len() {
            self.make_room(bytes.len(), bytes.len().max(READ_CHUNK));
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn into_bytes(self) -> BytesMut {
        self.bytes
    }

    /// Gives the memory back where no bytes lie in it. What was learned of the reads is kept.
    pub(crate) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.learn();
            self.bytes = BytesMut::new();
            self.chunk = 0;
            self.given = 0;
        }
    }

    pub(crate) fn split_to(&mut self, at: usize) -> BytesMut {
        self.bytes.split_to(at)
    }

    #[inline]
    pub(crate) fn skip(&mut self, len: usize) {
        if len == self.bytes.len() {
            // The next read goes where these bytes were, and nothing has to be reclaimed for it. What the
            // last read took is learned before that cannot be seen any more.
            self.learn();
            self.bytes.clear();
            self.given = self.spare();
        } else {
            self.bytes.advance(len);
        }
    }

    fn spare(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Asks for more room where the last read filled all it was given, and for less where several used little.
    ///
    /// Taking bytes at the front does not change the spare room behind them, so the difference is what
    /// was read.
    #[inline]
    fn learn(&mut self) {
        let read = self.given.saturating_sub(self.spare());
        if read == 0 {
            return;
        }
        self.small = if read < self.wanted / 4 { self.small + 1 } else { 0 };
        if read == self.given {
            self.wanted = (self.wanted * 2).min(self.max_read);
        } else if self.small == SMALL_READS {
            self.wanted = (self.wanted / 2).max(READ_CHUNK);
            self.small = 0;
        }
    }

    /// Makes room for `least` more bytes in the same chunk if nobody shares it, else for `room` in a new one.
    fn make_room(&mut self, least: usize, room: usize) {
        if self.bytes.try_reclaim(least) {
            return;
        }
        let len = self.bytes.len();
        let capacity = if len > self.longest / 3 {
            // The last time that this frame is moved.
            self.longest.max(len).saturating_add(room)
        } else {
            // At least doubled, so that the bytes of a long frame are moved a few times only.
            len + room.max(len)
        };
        let mut bytes = BytesMut::with_capacity(capacity.min(self.most()).max(len + least));
        bytes.extend_from_slice(&self.bytes);
        self.chunk = bytes.capacity();
        self.bytes = bytes;
    }
}
