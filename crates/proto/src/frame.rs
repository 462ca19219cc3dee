//! The one frame that every stream transport carries.
//!
//! ```text
//!  0        4      5       6          8      12     16    24     32   40
//!  | length | kind | flags | reserved | room | from | seq | time | id | payload ...
//!    u32      u8     u8      u16        u32    u32    u64   u64    u64
//! ```
//!
//! Network byte order. `length` counts what follows it: 36 bytes of header and the payload. A relay
//! stamps `from`, `seq` and `time` in place; a sender leaves them zero.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

pub use crate::kind::Kind;

/// Length of a frame's header in bytes, its length field included.
pub const HEADER_LEN: usize = 40;

/// Length of the length field itself, which `length` does not count.
pub(crate) const LENGTH_LEN: usize = 4;

/// The part of the header that `length` counts, and so the smallest legal `length`.
pub const MIN_LENGTH: u32 = 36;

/// Where each field lies, named once.
pub(crate) mod field {
    use std::ops::Range;

    pub(crate) const LENGTH: Range<usize> = 0..4;
    pub(crate) const KIND: usize = 4;
    pub(crate) const FLAGS: usize = 5;
    pub(crate) const RESERVED: Range<usize> = 6..8;
    pub(crate) const ROOM: Range<usize> = 8..12;
    pub(crate) const FROM: Range<usize> = 12..16;
    pub(crate) const SEQ: Range<usize> = 16..24;
    pub(crate) const TIME: Range<usize> = 24..32;
    pub(crate) const ID: Range<usize> = 32..40;
}

/// The flags of a frame. Bits without a name are kept and mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// A reader that does not know the frame's kind skips it instead of ending the connection.
    pub const MAY_IGNORE: Self = Self(0b0000_0001);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A frame's header as a value, without its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is for.
    pub kind: Kind,
    /// See [`Flags`].
    pub flags: Flags,
    /// The room that the frame is of; 0 where there is none.
    pub room: u32,
    /// Who sent it; stamped by the relay.
    pub from: u32,
    /// Its place in the room's order; stamped by the relay.
    pub seq: u64,
    /// When the relay took it, in microseconds since 1970 in UTC; stamped by the relay.
    pub time: u64,
    /// The sender's own number for it, the same in a resend.
    pub id: u64,
}

impl Header {
    /// A header as a sender writes it, with nothing stamped.
    pub const fn new(kind: Kind, room: u32, id: u64) -> Self {
        Self { kind, flags: Flags(0), room, from: 0, seq: 0, time: 0, id }
    }

    /// Appends this header and `payload` to `out` as one frame.
    ///
    /// Fails with [`FrameError::TooLong`], and appends nothing, where the length field would exceed
    /// `max_length`, or what a control frame may have.
    pub fn encode(
        &self,
        payload: &[u8],
        max_length: u32,
        out: &mut BytesMut,
    ) -> Result<(), FrameError> {
        let length = length_of(payload.len(), self.kind.max_length(max_length))?;
        out.reserve(HEADER_LEN + payload.len());
        out.put_u32(length);
        out.put_u8(self.kind.code());
        out.put_u8(self.flags.0);
        out.put_u16(0);
        out.put_u32(self.room);
        out.put_u32(self.from);
        out.put_u64(self.seq);
        out.put_u64(self.time);
        out.put_u64(self.id);
        out.put_slice(payload);
        Ok(())
    }

    /// The header's bytes for a payload of `payload_len` bytes, for who has the payload elsewhere.
    ///
    /// Fails as [`Header::encode`] does.
    pub fn head(
        &self,
        payload_len: usize,
        max_length: u32,
    ) -> Result<[u8; HEADER_LEN], FrameError> {
        let length = length_of(payload_len, self.kind.max_length(max_length))?;
        let mut head = [0; HEADER_LEN];
        head[field::LENGTH].copy_from_slice(&length.to_be_bytes());
        head[field::KIND] = self.kind.code();
        head[field::FLAGS] = self.flags.0;
        head[field::ROOM].copy_from_slice(&self.room.to_be_bytes());
        head[field::FROM].copy_from_slice(&self.from.to_be_bytes());
        head[field::SEQ].copy_from_slice(&self.seq.to_be_bytes());
        head[field::TIME].copy_from_slice(&self.time.to_be_bytes());
        head[field::ID].copy_from_slice(&self.id.to_be_bytes());
        Ok(head)
    }

    /// Reads the header of a frame whose first [`HEADER_LEN`] bytes have passed [`check`].
    pub(crate) fn parse(bytes: &[u8], kind: Kind) -> Self {
        Self {
            kind,
            flags: Flags(bytes[field::FLAGS]),
            room: be_u32(bytes, field::ROOM),
            from: be_u32(bytes, field::FROM),
            seq: be_u64(bytes, field::SEQ),
            time: be_u64(bytes, field::TIME),
            id: be_u64(bytes, field::ID),
        }
    }
}

/// One complete frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// All of the header but its length.
    pub header: Header,
    /// What follows the header.
    pub payload: Bytes,
}

impl Frame {
    /// How many bytes the frame takes on the wire.
    pub fn encoded_len(&self) -> usize {
        HEADER_LEN + self.payload.len()
    }

    /// Appends the frame to `out`; see [`Header::encode`].
    pub fn encode(&self, max_length: u32, out: &mut BytesMut) -> Result<(), FrameError> {
        self.header.encode(&self.payload, max_length, out)
    }
}

/// Why bytes are not frames.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The length field is above the limit. Nothing was reserved for it.
    #[error("a frame of length {length} is longer than the limit of {limit}")]
    TooLong {
        /// What the length field says.
        length: u32,
        /// What this side takes.
        limit: u32,
    },
    /// The length field does not even cover the header.
    #[error("a frame of length {length} is shorter than its header ({MIN_LENGTH})")]
    TooShort {
        /// What the length field says.
        length: u32,
    },
    /// The reserved bytes are not zero: the peer is out of step, or speaks no frames.
    #[error("the reserved bytes are {value:#06x} instead of zero")]
    Reserved {
        /// What stands there.
        value: u16,
    },
    /// A kind that this side does not know, without [`Flags::MAY_IGNORE`].
    #[error("frames of kind {kind:#04x} are not known here")]
    UnknownKind {
        /// The byte of the kind.
        kind: u8,
    },
    /// The stream ended within a frame.
    #[error("the stream ended within a frame, after {have} of {need} bytes")]
    Cut {
        /// Bytes of the frame that did arrive.
        have: usize,
        /// Bytes that it needs, or at least its header where the length did not arrive.
        need: usize,
    },
}

/// What stands at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// A complete frame of `len` bytes.
    Complete { len: usize, kind: Kind },
    /// A complete frame of `len` bytes of a kind that is not known and may be ignored.
    Ignorable { len: usize },
    /// More bytes are needed, `need` in all as far as one can tell.
    Incomplete { need: usize },
}

/// Checks the frame at the front of `bytes`.
///
/// The length is judged as soon as its four bytes are there, so that a peer which announces a huge one
/// ends before it costs anything; the rest of the header when the header is complete.
#[inline]
pub(crate) fn check(bytes: &[u8], max_length: u32) -> Result<Front, FrameError> {
    let Some(length) = bytes.first_chunk::<LENGTH_LEN>() else {
        return Ok(Front::Incomplete { need: HEADER_LEN });
    };
    let length = u32::from_be_bytes(*length);
    if length > max_length {
        return Err(FrameError::TooLong { length, limit: max_length });
    }
    if length < MIN_LENGTH {
        return Err(FrameError::TooShort { length });
    }
    // Where `usize` has 32 bits the sum may exceed it; so long a frame never becomes complete there.
    let len = LENGTH_LEN.saturating_add(length as usize);
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        return Ok(Front::Incomplete { need: len });
    };
    let reserved =
        u16::from_be_bytes([header[field::RESERVED.start], header[field::RESERVED.end - 1]]);
    if reserved != 0 {
        return Err(FrameError::Reserved { value: reserved });
    }
    let code = header[field::KIND];
    let kind = Kind::from_code(code);
    match kind {
        Some(kind) => {
            let limit = kind.max_length(max_length);
            if length > limit {
                return Err(FrameError::TooLong { length, limit });
            }
        }
        None if Flags(header[field::FLAGS]).contains(Flags::MAY_IGNORE) => {}
        None => return Err(FrameError::UnknownKind { kind: code }),
    }
    if bytes.len() < len {
        return Ok(Front::Incomplete { need: len });
    }
    Ok(match kind {
        Some(kind) => Front::Complete { len, kind },
        None => Front::Ignorable { len },
    })
}

/// Length of the frame at the front of `bytes`, where it is a complete data frame of `room` that [`check`]
/// takes. Asked for each frame of a run, which is why it asks for nothing else.
#[inline]
pub(crate) fn next_of_run(bytes: &[u8], room: u32, max_length: u32) -> Option<usize> {
    let header = bytes.first_chunk::<HEADER_LEN>()?;
    let length = be_u32(header, field::LENGTH);
    let len = LENGTH_LEN.saturating_add(length as usize);
    let is_next = header[field::KIND] == Kind::Data.code()
        && header[field::RESERVED] == [0; 2]
        && be_u32(header, field::ROOM) == room
        && (MIN_LENGTH..=max_length).contains(&length)
        && bytes.len() >= len;
    is_next.then_some(len)
}

/// The length field of a frame with a payload of `payload_len` bytes.
fn length_of(payload_len: usize, max_length: u32) -> Result<u32, FrameError> {
    let length = u32::try_from(payload_len).ok().and_then(|len| len.checked_add(MIN_LENGTH));
    match length {
        Some(length) if length <= max_length => Ok(length),
        // A length that the field cannot hold is refused whatever the limit is.
        length => {
            Err(FrameError::TooLong { length: length.unwrap_or(u32::MAX), limit: max_length })
        }
    }
}

#[inline]
pub(crate) fn be_u32(bytes: &[u8], at: std::ops::Range<usize>) -> u32 {
    u32::from_be_bytes(bytes[at].try_into().expect("the range is four bytes long"))
}

#[inline]
pub(crate) fn be_u64(bytes: &[u8], at: std::ops::Range<usize>) -> u64 {
    u64::from_be_bytes(bytes[at].try_into().expect("the range is eight bytes long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_refused_for_one_wrong_bit() {
        let mut good = BytesMut::new();
        Header::new(Kind::Data, 1, 1).encode(b"", MIN_LENGTH, &mut good).unwrap();
        assert_eq!(check(&good, MIN_LENGTH), Ok(Front::Complete { len: 40, kind: Kind::Data }));
        for (at, bit, error) in [
            (3, 0, FrameError::TooLong { length: 37, limit: MIN_LENGTH }),
            (3, 2, FrameError::TooShort { length: 32 }),
            (0, 7, FrameError::TooLong { length: 0x8000_0024, limit: MIN_LENGTH }),
            (4, 7, FrameError::UnknownKind { kind: 0x81 }),
            (6, 0, FrameError::Reserved { value: 0x0100 }),
            (7, 0, FrameError::Reserved { value: 0x0001 }),
        ] {
            let mut header = good.clone();
            header[at] ^= 1 << bit;
            assert_eq!(check(&header, MIN_LENGTH), Err(error));
        }
    }

    #[test]
    fn a_payload_that_the_length_field_cannot_hold_is_refused_at_any_limit() {
        let largest = (u32::MAX - MIN_LENGTH) as usize;
        assert_eq!(length_of(largest, u32::MAX), Ok(u32::MAX));
        for len in [largest + 1, u32::MAX as usize, usize::MAX] {
            let refused = FrameError::TooLong { length: u32::MAX, limit: u32::MAX };
            assert_eq!(length_of(len, u32::MAX), Err(refused), "{len}");
        }
    }
}
