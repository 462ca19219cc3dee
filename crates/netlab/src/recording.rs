//! What is kept of what the wire saw, within a bound.
//!
//! | so far | of a frame is kept |
//! |---|---|
//! | up to [`WHOLE_FRAMES`] | all of it |
//! | up to [`MEMORY`] | its first [`HEADERS`] bytes: the headers, and so what [`Packet`] says of it |
//! | beyond | nothing: it is carried and counted ([`crate::Wire::left_out`]) |
//!
//! A gigabit a second is a hundred thousand frames a second, so a frame costs no allocation here and is
//! read only when somebody asks for it.

use crate::clock::Moment;
use crate::packet::Packet;
use crate::record::{HostId, Record, Verdict};
use crate::rule::NameId;

/// How many bytes a recording takes before it keeps only headers: every lesson, and half a second of a
/// gigabit link.
pub const WHOLE_FRAMES: usize = 64 * 1024 * 1024;

/// How many bytes a recording takes at most: more than a million packets.
pub const MEMORY: usize = 256 * 1024 * 1024;

/// How much of a frame is kept where it is not kept whole: Ethernet 14, IPv6 40, TCP with the options
/// that are usual 32, and some to spare.
pub const HEADERS: usize = 96;

/// Entries and bytes lie in chunks: a list that grows would be copied while the wire waits.
const ENTRIES_A_CHUNK: usize = 4096;
const BYTES_A_CHUNK: usize = 1024 * 1024;

/// The packets that were recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    entries: Vec<Vec<Entry>>,
    bytes: Vec<Vec<u8>>,
    used: usize,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    whole_frames: usize,
    memory: usize,
}

/// A packet as it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) from: HostId,
    pub(crate) to: Option<HostId>,
    pub(crate) sent: Moment,
    pub(crate) verdict: Verdict,
    pub(crate) rule: Option<NameId>,
    /// The place of the packet of which it is a copy.
    pub(crate) copy_of: Option<usize>,
    /// The length of its frame.
    pub(crate) len: usize,
    kept: Kept,
}

/// Where the bytes of a frame lie.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    chunk: u32,
    start: u32,
    len: u32,
}

impl Entry {
    /// A packet whose frame is still to be kept.
    pub(crate) fn new(from: HostId, to: Option<HostId>, sent: Moment, verdict: Verdict) -> Self {
        let kept = Kept::default();
        Self { from, to, sent, verdict, rule: None, copy_of: None, len: 0, kept }
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::within(Limits { whole_frames: WHOLE_FRAMES, memory: MEMORY })
    }
}

impl Recording {
    fn within(limits: Limits) -> Self {
        Self { entries: Vec::new(), bytes: Vec::new(), used: 0, limits }
    }

    /// How many packets are recorded.
    pub(crate) fn len(&self) -> usize {
        let full = self.entries.len().saturating_sub(1) * ENTRIES_A_CHUNK;
        full + self.entries.last().map_or(0, Vec::len)
    }

    /// Records a packet with its frame and gives its place; `None` where there is no room left.
    pub(crate) fn push(&mut self, mut entry: Entry, frame: &[u8]) -> Option<usize> {
        let part = if self.used < self.limits.whole_frames { frame.len() } else { HEADERS };
        let part = &frame[..part.min(frame.len())];
        if self.used + size_of::<Entry>() + part.len() > self.limits.memory {
            return None;
        }
        entry.kept = self.keep(part);
        entry.len = frame.len();
        Some(self.add(entry))
    }

    /// Records a copy of the packet at `original`, whose frame is kept already.
    pub(crate) fn push_copy(&mut self, mut entry: Entry, original: usize) -> Option<usize> {
        if self.used + size_of::<Entry>() > self.limits.memory {
            return None;
        }
        let Entry { kept, len, .. } = *self.get(original);
        (entry.kept, entry.len, entry.copy_of) = (kept, len, Some(original));
        Some(self.add(entry))
    }

    pub(crate) fn get(&self, place: usize) -> &Entry {
        &self.entries[place / ENTRIES_A_CHUNK][place % ENTRIES_A_CHUNK]
    }

    /// Says what became of a packet.
    pub(crate) fn set_verdict(&mut self, place: usize, verdict: Verdict) {
        self.entries[place / ENTRIES_A_CHUNK][place % ENTRIES_A_CHUNK].verdict = verdict;
    }

    /// A packet as others see it, its number being its place from 1.
    pub(crate) fn read<'a>(&self, place: usize, name: impl Fn(NameId) -> &'a str) -> Record {
        let entry = self.get(place);
        let Kept { chunk, start, len } = entry.kept;
        let start = start as usize;
        let kept = &self.bytes[chunk as usize][start..start + len as usize];
        let packet = if kept.len() == entry.len {
            Packet::parse(kept)
        } else {
            // What is missing is data, which nobody looks at to say what the headers mean.
            let mut whole = kept.to_vec();
            whole.resize(entry.len, 0);
            Packet::parse(&whole)
        };
        Record {
            number: place + 1,
            from: entry.from,
            to: entry.to,
            sent: entry.sent,
            verdict: entry.verdict,
            rule: entry.rule.map(|rule| name(rule).to_owned()),
            copy_of: entry.copy_of.map(|original| original + 1),
            packet,
            len: entry.len,
            frame: kept.to_vec(),
        }
    }

    fn add(&mut self, entry: Entry) -> usize {
        let place = self.len();
        if place == self.entries.len() * ENTRIES_A_CHUNK {
            self.entries.push(Vec::with_capacity(ENTRIES_A_CHUNK));
        }
        self.entries.last_mut().expect("one was pushed").push(entry);
        self.used += size_of::<Entry>();
        place
    }

    fn keep(&mut self, part: &[u8]) -> Kept {
        let has_room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= part.len();
        if !self.bytes.last().is_some_and(has_room) {
            self.bytes.push(Vec::with_capacity(BYTES_A_CHUNK.max(part.len())));
        }
        let to_u32 = |n: usize| u32::try_from(n).expect("a recording is smaller than 4 GiB");
        let chunk = to_u32(self.bytes.len() - 1);
        let bytes = self.bytes.last_mut().expect("one was pushed");
        let start = to_u32(bytes.len());
        bytes.extend_from_slice(part);
        self.used += part.len();
        Kept { chunk, start, len: to_u32(part.len()) }
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;
    use crate::packet::Transport;

    fn datagram(len: usize) -> Vec<u8> {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(40_001, 7879)
            .write(&mut frame, &vec![7; len])
            .unwrap();
        frame
    }

    fn entry() -> Entry {
        Entry::new(HostId(0), Some(HostId(1)), Moment(5), Verdict::OnTheWay)
    }

    #[test]
    fn a_long_recording_keeps_whole_frames_then_headers_then_nothing() {
        let frame = datagram(1000);
        let whole = size_of::<Entry>() + frame.len();
        let headers = size_of::<Entry>() + HEADERS;
        let limits = Limits { whole_frames: 3 * whole, memory: 3 * whole + 2 * headers };
        let mut recording = Recording::within(limits);
        let places: Vec<_> = (0..6).map(|_| recording.push(entry(), &frame)).collect();
        assert_eq!(places, [Some(0), Some(1), Some(2), Some(3), Some(4), None]);
        assert_eq!(recording.len(), 5);
        for place in 0..5 {
            let record = recording.read(place, |_| "");
            let kept = if place < 3 { frame.len() } else { HEADERS };
            assert_eq!((record.len, &record.frame[..]), (frame.len(), &frame[..kept]));
            let Some(Transport::Udp { len: 1000, .. }) = record.packet.map(|p| p.transport) else {
                panic!("packet {place} is not read");
            };
        }
        assert_eq!(recording.push_copy(entry(), 0), None);
    }

    #[test]
    fn entries_and_bytes_are_found_in_whichever_chunk_they_lie() {
        let mut recording = Recording::default();
        let count = ENTRIES_A_CHUNK * 2 + 3;
        for number in 0..count {
            let frame = datagram(number % 1400);
            assert_eq!(recording.push(entry(), &frame), Some(number));
        }
        assert_eq!(recording.len(), count);
        recording.set_verdict(ENTRIES_A_CHUNK, Verdict::Dropped);
        for number in (0..count).step_by(97).chain([ENTRIES_A_CHUNK, count - 1]) {
            let record = recording.read(number, |_| "");
            assert_eq!(record.frame, datagram(number % 1400));
            let dropped = number == ENTRIES_A_CHUNK;
            assert_eq!(record.verdict == Verdict::Dropped, dropped, "{number}");
        }
    }

    #[test]
    fn a_copy_shares_the_bytes_of_its_packet() {
        let mut recording = Recording::default();
        let original = recording.push(entry(), &datagram(10)).unwrap();
        let used = recording.used;
        let copy =
            recording.push_copy(Entry { rule: Some(NameId(0)), ..entry() }, original).unwrap();
        assert_eq!(recording.used, used + size_of::<Entry>());
        let copy = recording.read(copy, |_| "twice");
        assert_eq!((copy.copy_of, copy.rule.as_deref()), (Some(1), Some("twice")));
        assert_eq!(copy.frame, datagram(10));
    }
}
