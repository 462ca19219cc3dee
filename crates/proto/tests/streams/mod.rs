//! Generated streams: valid ones with what a decoder must make of them, and ways of damaging bytes.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proto::frame::{HEADER_LEN, MIN_LENGTH};
use proto::transfer::{
    Batch, Begin, Busy, DropWhy, Dropped, Kept, Missing, Offer, Over, Sent, Take, Way,
};
use proto::{
    Ack, Change, Flags, Frame, FrameError, Goodbye, Header, Hello, Join, Joined, Kind, Leave, Left,
    Message, Person, Presence, Refused, Rename, Welcome, Why,
};

/// Small enough that a generated frame can be above it.
pub(crate) const LIMIT: u32 = 2000;

/// A kind that nothing in the vocabulary has.
const UNKNOWN: u8 = 0xee;

/// What a generated stream is made of.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Known(Frame),
    Ignorable(Vec<u8>),
}

/// How a generated stream ends.
#[derive(Clone, Debug)]
enum Tail {
    Clean,
    Cut(Frame, prop::sample::Index),
    TooLong(u32),
    TooShort(u32),
    Reserved(u16),
    UnknownKind,
}

/// A stream, and what a decoder must make of it.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) ignored: u64,
    pub(crate) error: Option<FrameError>,
}

/// One way of damaging bytes.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
}

pub(crate) fn encode(pieces: &[Piece]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for piece in pieces {
        match piece {
            Piece::Known(frame) => frame.encode(LIMIT, &mut bytes).unwrap(),
            Piece::Ignorable(payload) => {
                let length = MIN_LENGTH + u32::try_from(payload.len()).unwrap();
                bytes.extend_from_slice(&raw_header(length, UNKNOWN, Flags::MAY_IGNORE, 0));
                bytes.extend_from_slice(payload);
            }
        }
    }
    bytes
}

/// A header with any bytes in the fields that a decoder judges.
fn raw_header(length: u32, kind: u8, flags: Flags, reserved: u16) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[0..4].copy_from_slice(&length.to_be_bytes());
    header[4] = kind;
    header[5] = flags.0;
    header[6..8].copy_from_slice(&reserved.to_be_bytes());
    header
}

impl Damage {
    pub(crate) fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Swap(a, b, len) => {
                let len = (*len).min(bytes.len() / 2);
                let (a, b) = (a.index(bytes.len() - len + 1), b.index(bytes.len() - len + 1));
                for i in 0..len {
                    bytes.swap(a + i, b + i);
                }
            }
            Self::Insert(at, garbage) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, garbage.iter().copied());
            }
        }
    }
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    use prop::sample::Index;
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        any::<Index>().prop_map(Damage::Cut),
        (any::<(Index, Index)>(), 1..100_usize).prop_map(|((a, b), len)| Damage::Swap(a, b, len)),
        (any::<Index>(), vec(any::<u8>(), 1..50)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
    ]
}

pub(crate) fn stream() -> impl Strategy<Value = Stream> {
    (vec(piece(), 0..20), tail()).prop_map(|(pieces, tail)| {
        let mut bytes = encode(&pieces);
        let error = tail.append(&mut bytes);
        let mut frames = Vec::new();
        let mut ignored = 0;
        for piece in pieces {
            match piece {
                Piece::Known(frame) => frames.push(frame),
                Piece::Ignorable(_) => ignored += 1,
            }
        }
        Stream { bytes: bytes.to_vec(), frames, ignored, error }
    })
}

impl Tail {
    /// Appends the end and says which error it means.
    fn append(self, bytes: &mut BytesMut) -> Option<FrameError> {
        let (header, error) = match self {
            Self::Clean => return None,
            Self::Cut(frame, at) => {
                let mut encoded = BytesMut::new();
                frame.encode(LIMIT, &mut encoded).unwrap();
                // At least one byte of it, and not all.
                let have = 1 + at.index(encoded.len() - 1);
                bytes.extend_from_slice(&encoded[..have]);
                let need = if have < 4 { HEADER_LEN } else { encoded.len() };
                return Some(FrameError::Cut { have, need });
            }
            Self::TooLong(length) => (
                raw_header(length, Kind::Data.code(), Flags::default(), 0),
                FrameError::TooLong { length, limit: LIMIT },
            ),
            Self::TooShort(length) => (
                raw_header(length, Kind::Data.code(), Flags::default(), 0),
                FrameError::TooShort { length },
            ),
            Self::Reserved(value) => (
                raw_header(MIN_LENGTH, Kind::Data.code(), Flags::default(), value),
                FrameError::Reserved { value },
            ),
            Self::UnknownKind => (
                raw_header(MIN_LENGTH, UNKNOWN, Flags(0b1010), 0),
                FrameError::UnknownKind { kind: UNKNOWN },
            ),
        };
        bytes.extend_from_slice(&header);
        Some(error)
    }
}

fn tail() -> impl Strategy<Value = Tail> {
    prop_oneof![
        2 => Just(Tail::Clean),
        2 => (frame(), any::<prop::sample::Index>()).prop_map(|(frame, at)| Tail::Cut(frame, at)),
        1 => (LIMIT + 1..).prop_map(Tail::TooLong),
        1 => (0..MIN_LENGTH).prop_map(Tail::TooShort),
        1 => (1_u16..).prop_map(Tail::Reserved),
        1 => Just(Tail::UnknownKind),
    ]
}

pub(crate) fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        8 => frame().prop_map(Piece::Known),
        1 => vec(any::<u8>(), 0..300).prop_map(Piece::Ignorable),
    ]
}

/// Frames of few rooms, most of them data, so that runs of several come about.
pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    let kind = prop_oneof![8 => Just(Kind::Data), 2 => prop::sample::select(&Kind::ALL[1..])];
    let stamped = any::<(u32, u64, u64, u64)>();
    (kind, any::<u8>(), 0..3_u32, stamped, vec(any::<u8>(), 0..300)).prop_map(
        |(kind, flags, room, (from, seq, time, id), payload)| Frame {
            header: Header { kind, flags: Flags(flags), room, from, seq, time, id },
            payload: payload.into(),
        },
    )
}

pub(crate) fn split() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), vec(1..100_usize, 1..10), vec(1..5000_usize, 1..10)]
}

pub(crate) fn message() -> impl Strategy<Value = Message> {
    let text = || any::<String>();
    prop_oneof![
        (any::<u16>(), proptest::option::of(text()), any::<u32>(), vec(text(), 0..4)).prop_map(
            |(version, name, max_frame, features)| Message::Hello(Hello {
                version,
                name,
                max_frame,
                features
            })
        ),
        (any::<(u16, u32, u64, u32)>(), text(), vec(text(), 0..4)).prop_map(
            |((version, you, epoch, max_frame), name, features)| Message::Welcome(Welcome {
                version,
                you,
                name,
                epoch,
                max_frame,
                features
            })
        ),
        any::<(u32, u64, u32, u64)>().prop_map(|(room, id, count, seq)| Message::Ack(Ack {
            room,
            id,
            count,
            seq
        })),
        (text(), text()).prop_map(|(ending, reason)| Message::Goodbye(Goodbye { ending, reason })),
        message_about_rooms(),
        message_about_files(),
    ]
}

fn message_about_rooms() -> impl Strategy<Value = Message> {
    let text = || any::<String>();
    let person = || (any::<u32>(), text()).prop_map(|(id, name)| Person { id, name });
    let change = || proptest::sample::select(vec![Change::Joined, Change::Left, Change::Renamed]);
    let why = || proptest::sample::select(vec![Why::NameTaken, Why::NotJoined, Why::Other]);
    prop_oneof![
        (text(), any::<bool>()).prop_map(|(room, listen)| Message::Join(Join { room, listen })),
        (any::<(u32, u64, u32)>(), text(), vec(person(), 0..4)).prop_map(
            |((room, seq, past), name, people)| Message::Joined(Joined {
                room,
                name,
                seq,
                past,
                people
            })
        ),
        any::<u32>().prop_map(|room| Message::Leave(Leave { room })),
        any::<u32>().prop_map(|room| Message::Left(Left { room })),
        (any::<u32>(), person(), change(), proptest::option::of(text())).prop_map(
            |(room, person, change, ending)| Message::Presence(Presence {
                room,
                person,
                change,
                ending
            })
        ),
        (why(), text(), any::<(Option<u32>, Option<u64>)>()).prop_map(
            |(why, reason, (room, id))| Message::Refused(Refused { why, reason, room, id })
        ),
        text().prop_map(|name| Message::Rename(Rename { name })),
    ]
}

fn message_about_files() -> impl Strategy<Value = Message> {
    let text = || any::<String>();
    let way = || proptest::sample::select(vec![Way::ToServer, Way::ToClient]);
    let why = || proptest::sample::select(vec![DropWhy::NameBad, DropWhy::Damaged, DropWhy::Other]);
    prop_oneof![
        (way(), vec(text(), 0..4), any::<Option<u64>>())
            .prop_map(|(way, paths, run)| Message::Begin(Begin { way, paths, run })),
        any::<(u64, u64)>().prop_map(|(files, bytes)| Message::Batch(Batch { files, bytes })),
        (any::<(u32, u64, Option<i64>, bool)>(), text()).prop_map(
            |((file, size, modified, folder), path)| Message::Offer(Offer {
                file,
                path,
                size,
                modified,
                folder
            })
        ),
        (any::<(u32, u64)>(), proptest::option::of(text()))
            .prop_map(|((file, from), hash)| Message::Take(Take { file, from, hash })),
        (any::<u32>(), text()).prop_map(|(file, hash)| Message::Sent(Sent { file, hash })),
        (any::<(u32, bool)>(), text()).prop_map(|((file, already), path)| Message::Kept(Kept {
            file,
            path,
            already
        })),
        (any::<u32>(), why(), text()).prop_map(|(file, why, reason)| Message::Dropped(Dropped {
            file,
            why,
            reason
        })),
        any::<(u32, u64)>().prop_map(|(file, done)| Message::Busy(Busy { file, done })),
        any::<u32>().prop_map(|files| Message::Over(Over { files })),
        (why(), text(), text()).prop_map(|(why, path, reason)| Message::Missing(Missing {
            path,
            why,
            reason
        })),
    ]
}
