//! What a packet says once it is open: frames, one after the other.
//!
//! ```text
//! 0  Padding
//! 1  Ping
//! 2  Ack             largest | delay in us | ranges - 1 | length - 1 | (gap, length - 1) ...   RFC 9000 §19.3
//! 3  Piece           flags u8 | channel u8 | number | total | offset | length | bytes
//! 4  Unreliable      channel u8 | length | bytes
//! 5  Credit          limit                                                           RFC 9000 §19.9
//! 6  ChannelCredit   flags u8 | channel u8 | limit                                   RFC 9000 §19.10
//! 7  PathChallenge   8 bytes                                                         RFC 9000 §19.17
//! 8  PathResponse    8 bytes                                                         RFC 9000 §19.18
//! 9  Close           code | length | reason in UTF-8                                 RFC 9000 §19.19
//! ```
//!
//! Numbers without a size are of variable length ([`crate::varint`]). Bit 0 of `flags` is 1 for an
//! unordered channel; the others are zero. What is not in this list ends the connection: there is no
//! extension that one side could mean and the other not know.

use std::ops::Range;
use std::time::Duration;

use crate::channel::{Channel, Order};
use crate::limits::{MAX_ACK_RANGES, MAX_REASON};
use crate::varint::{self, Malformed, Reader};

const PADDING: u64 = 0;
const PING: u64 = 1;
const ACK: u64 = 2;
const PIECE: u64 = 3;
const UNRELIABLE: u64 = 4;
const CREDIT: u64 = 5;
const CHANNEL_CREDIT: u64 = 6;
const PATH_CHALLENGE: u64 = 7;
const PATH_RESPONSE: u64 = 8;
const CLOSE: u64 = 9;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Padding,
    Ping,
    Ack(Ack),
    Piece(Piece<'a>),
    Unreliable { channel: u8, data: &'a [u8] },
    Credit(u64),
    ChannelCredit { channel: Channel, limit: u64 },
    PathChallenge([u8; 8]),
    PathResponse([u8; 8]),
    Close { code: u64, reason: &'a str },
}

/// Which packets arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// How long the largest one waited for this.
    pub(crate) delay: Duration,
    /// Highest first, none empty, none touching the next.
    pub(crate) ranges: Vec<Range<u64>>,
}

/// A part of a message, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) channel: Channel,
    /// The message's place in its channel, from 0.
    pub(crate) number: u64,
    /// Length of the whole message.
    pub(crate) total: u64,
    pub(crate) offset: u64,
    pub(crate) data: &'a [u8],
}

impl Frame<'_> {
    /// Whether a packet with it wants to be acknowledged (RFC 9002 §2).
    pub(crate) fn wants_ack(&self) -> bool {
        !matches!(self, Self::Padding | Self::Ack(_) | Self::Close { .. })
    }

    /// Appends the frame.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Padding => varint::put(out, PADDING),
            Self::Ping => varint::put(out, PING),
            Self::Ack(ack) => ack.write(out),
            Self::Piece(piece) => {
                varint::put(out, PIECE);
                put_channel(out, piece.channel);
                varint::put(out, piece.number);
                varint::put(out, piece.total);
                varint::put(out, piece.offset);
                put_counted(out, piece.data);
            }
            Self::Unreliable { channel, data } => {
                varint::put(out, UNRELIABLE);
                out.push(*channel);
                put_counted(out, data);
            }
            Self::Credit(limit) => {
                varint::put(out, CREDIT);
                varint::put(out, *limit);
            }
            Self::ChannelCredit { channel, limit } => {
                varint::put(out, CHANNEL_CREDIT);
                put_channel(out, *channel);
                varint::put(out, *limit);
            }
            Self::PathChallenge(data) => {
                varint::put(out, PATH_CHALLENGE);
                out.extend_from_slice(data);
            }
            Self::PathResponse(data) => {
                varint::put(out, PATH_RESPONSE);
                out.extend_from_slice(data);
            }
            Self::Close { code, reason } => {
                varint::put(out, CLOSE);
                varint::put(out, *code);
                put_counted(out, reason.as_bytes());
            }
        }
    }
}

impl Piece<'_> {
    /// The most that a piece takes beside its bytes.
    pub(crate) const OVERHEAD: usize = 1 + 2 + 8 + 4 + 4 + 2;
}

impl Ack {
    fn write(&self, out: &mut Vec<u8>) {
        let (first, rest) = self.ranges.split_first().expect("something is acknowledged");
        varint::put(out, ACK);
        varint::put(out, first.end - 1);
        let micros = u64::try_from(self.delay.as_micros()).unwrap_or(varint::MAX);
        varint::put(out, micros.min(varint::MAX));
        varint::put(out, rest.len() as u64);
        varint::put(out, first.end - first.start - 1);
        let mut above = first.start;
        for range in rest {
            // As the RFC has it: one missing packet is a gap of 0.
            varint::put(out, above - range.end - 1);
            varint::put(out, range.end - range.start - 1);
            above = range.start;
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let largest = reader.varint()?;
        let delay = Duration::from_micros(reader.varint()?);
        let more = reader.varint()?;
        if more >= MAX_ACK_RANGES as u64 {
            return Err(Malformed);
        }
        let mut end = largest + 1;
        let mut start = end.checked_sub(reader.varint()? + 1).ok_or(Malformed)?;
        let mut ranges = Vec::new();
        ranges.push(start..end);
        for _ in 0..more {
            end = start.checked_sub(reader.varint()? + 1).ok_or(Malformed)?;
            start = end.checked_sub(reader.varint()? + 1).ok_or(Malformed)?;
            ranges.push(start..end);
        }
        Ok(Self { delay, ranges })
    }
}

/// Reads the first frame of what is left; none at the end.
pub(crate) fn next<'a>(reader: &mut Reader<'a>) -> Result<Option<Frame<'a>>, Malformed> {
    if reader.is_empty() {
        return Ok(None);
    }
    let frame = match reader.varint()? {
        PADDING => Frame::Padding,
        PING => Frame::Ping,
        ACK => Frame::Ack(Ack::read(reader)?),
        PIECE => Frame::Piece(Piece {
            channel: channel(reader)?,
            number: reader.varint()?,
            total: reader.varint()?,
            offset: reader.varint()?,
            data: reader.counted()?,
        }),
        UNRELIABLE => Frame::Unreliable { channel: reader.u8()?, data: reader.counted()? },
        CREDIT => Frame::Credit(reader.varint()?),
        CHANNEL_CREDIT => {
            Frame::ChannelCredit { channel: channel(reader)?, limit: reader.varint()? }
        }
        PATH_CHALLENGE => Frame::PathChallenge(reader.array()?),
        PATH_RESPONSE => Frame::PathResponse(reader.array()?),
        CLOSE => {
            let code = reader.varint()?;
            let reason = reader.counted()?;
            if reason.len() > MAX_REASON {
                return Err(Malformed);
            }
            Frame::Close { code, reason: std::str::from_utf8(reason).map_err(|_| Malformed)? }
        }
        _ => return Err(Malformed),
    };
    Ok(Some(frame))
}

fn put_channel(out: &mut Vec<u8>, channel: Channel) {
    let flags = match channel.order {
        Order::Ordered => 0,
        Order::Unordered => 1,
    };
    out.extend_from_slice(&[flags, channel.number]);
}

fn channel(reader: &mut Reader<'_>) -> Result<Channel, Malformed> {
    let [flags, number] = reader.array()?;
    let order = match flags {
        0 => Order::Ordered,
        1 => Order::Unordered,
        _ => return Err(Malformed),
    };
    Ok(Channel { order, number })
}

fn put_counted(out: &mut Vec<u8>, data: &[u8]) {
    varint::put(out, data.len() as u64);
    out.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(frame: &Frame<'_>) {
        let mut out = Vec::new();
        frame.write(&mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(next(&mut reader).as_ref(), Ok(&Some(frame.clone())));
        assert_eq!(next(&mut reader), Ok(None));
        // Cut, it is no frame.
        for len in 1..out.len() {
            assert_eq!(next(&mut Reader::new(&out[..len])), Err(Malformed), "{frame:?} {len}");
        }
    }

    #[test]
    fn each_frame_is_read_as_it_was_written() {
        let ordered = Channel::ordered(3);
        check(&Frame::Padding);
        check(&Frame::Ping);
        let data = b"bytes";
        let channel = Channel::unordered(255);
        check(&Frame::Piece(Piece { channel, number: 70, total: 1 << 20, offset: 99, data }));
        check(&Frame::Unreliable { channel: 7, data: b"" });
        check(&Frame::Credit(varint::MAX));
        check(&Frame::ChannelCredit { channel: ordered, limit: 12 });
        check(&Frame::PathChallenge([1; 8]));
        check(&Frame::PathResponse([2; 8]));
        check(&Frame::Close { code: 4, reason: "再见" });
    }

    #[test]
    fn a_piece_takes_no_more_than_its_overhead() {
        let (number, total) = (varint::MAX, crate::limits::MAX_MESSAGE as u64);
        let (channel, data) = (Channel::ordered(0), &[0; 1200][..]);
        let mut out = Vec::new();
        Frame::Piece(Piece { channel, number, total, offset: total, data }).write(&mut out);
        assert_eq!(out.len(), Piece::OVERHEAD + data.len());
    }

    #[test]
    fn ack_ranges_below_zero_and_more_than_max_ack_ranges_are_refused() {
        // Largest 2, but four packets; then a gap that goes below zero.
        assert_eq!(next(&mut Reader::new(&[2, 2, 0, 0, 3])), Err(Malformed));
        assert_eq!(next(&mut Reader::new(&[2, 2, 0, 1, 0, 2, 0])), Err(Malformed));
        for (count, fine) in [(MAX_ACK_RANGES, true), (MAX_ACK_RANGES + 1, false)] {
            let ranges = (0..count as u64).rev().map(|n| n * 2..n * 2 + 1).collect();
            let mut out = Vec::new();
            Frame::Ack(Ack { delay: Duration::ZERO, ranges }).write(&mut out);
            assert_eq!(next(&mut Reader::new(&out)).is_ok(), fine, "{count}");
        }
    }

    #[test]
    fn a_reason_longer_than_max_reason_is_refused() {
        for (len, fine) in [(MAX_REASON, true), (MAX_REASON + 1, false)] {
            let mut out = Vec::new();
            Frame::Close { code: 0, reason: &"x".repeat(len) }.write(&mut out);
            assert_eq!(next(&mut Reader::new(&out)).is_ok(), fine);
        }
    }

    proptest! {
        #[test]
        fn an_ack_is_read_as_it_was_written(
            steps in prop::collection::vec((1_u64..1000, 1_u64..1000), 1..MAX_ACK_RANGES),
            micros in 0_u64..1 << 40,
        ) {
            let mut ranges = Vec::new();
            let mut start = 0;
            for (gap, len) in steps {
                ranges.insert(0, start + gap..start + gap + len);
                start += gap + len;
            }
            check(&Frame::Ack(Ack { delay: Duration::from_micros(micros), ranges }));
        }

        #[test]
        fn any_bytes_are_frames_or_none(noise in prop::collection::vec(0_u8..16, 0..200)) {
            let mut reader = Reader::new(&noise);
            while let Ok(Some(_)) = next(&mut reader) {}
        }
    }
}
