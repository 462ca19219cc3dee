//! Segments and datagrams that no socket sent: old duplicates, forged senders, a flood of requests.
//!
//! They leave from a host of the lab, are carried and recorded by the wire like any other, and can get no
//! further: the network has no way out. How many they are and how fast they come is bounded all the
//! same.

use std::io;
use std::net::SocketAddrV4;
use std::thread;
use std::time::{Duration, Instant};

use etherparse::{PacketBuilder, TcpOptionElement};

use crate::frame_sender::FrameSender;
use crate::host::{Host, INTERFACE};
use crate::link::{self, Mac};

/// The most frames of one injector: enough to fill any queue that a lesson looks at.
pub const MOST_FRAMES: u32 = 10_000;

/// The fastest that frames are injected: the wire takes in several times as many without missing one.
pub const MOST_PER_SECOND: u32 = 20_000;

/// What an injected segment may live through on its way.
const HOPS: u8 = 64;

/// The window that an injected segment advertises, as a system does that has just begun.
const WINDOW: u16 = 64_240;

/// What a request says it can receive in one piece: an Ethernet frame's worth.
const SEGMENT_SIZE: u16 = 1460;

/// What an injected datagram may carry: an Ethernet frame's 1500 bytes, less the headers of IPv4 and UDP.
const LONGEST_PAYLOAD: usize = 1500 - 20 - 8;

/// How many frames an injector sends, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many in all, at most [`MOST_FRAMES`].
    pub frames: u32,
    /// So many a second, at most [`MOST_PER_SECOND`].
    pub per_second: u32,
}

/// A TCP segment without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Who is said to have sent it.
    pub from: SocketAddrV4,
    /// Whom it is for.
    pub to: SocketAddrV4,
    /// Its sequence number.
    pub sequence: u32,
    /// What it acknowledges; without it the segment is a request: SYN.
    pub acknowledgement: Option<u32>,
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who is said to have sent it.
    pub from: SocketAddrV4,
    /// Whom it is for.
    pub to: SocketAddrV4,
    /// What is in it, no more than fits into a frame.
    pub payload: &'a [u8],
}

/// Sends frames from one host to another, past the sockets of both.
#[derive(Debug)]
pub struct Injector {
    sender: FrameSender,
    macs: (Mac, Mac),
    frames_left: u32,
    apart: Duration,
    next: Instant,
}

impl Injector {
    /// An injector on the interface of a host with a namespace of its own.
    pub(crate) fn open(host: &Host, macs: (Mac, Mac), limits: Limits) -> io::Result<Self> {
        if limits.frames > MOST_FRAMES || !(1..=MOST_PER_SECOND).contains(&limits.per_second) {
            let bounds = format!("at most {MOST_FRAMES} frames, {MOST_PER_SECOND} a second");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, bounds));
        }
        let sender = host.run(|| FrameSender::open(link::index_of(INTERFACE)?))?;
        let apart = Duration::from_secs(1) / limits.per_second;
        Ok(Self { sender, macs, frames_left: limits.frames, apart, next: Instant::now() })
    }

    /// Sends a segment, not before its time has come.
    pub fn send(&mut self, segment: Segment) -> io::Result<()> {
        self.send_frame(&segment.frame(self.macs))
    }

    /// Sends a datagram, not before its time has come.
    pub fn send_datagram(&mut self, datagram: Datagram<'_>) -> io::Result<()> {
        if datagram.payload.len() > LONGEST_PAYLOAD {
            let bound = format!("a datagram of at most {LONGEST_PAYLOAD} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, bound));
        }
        self.send_frame(&datagram.frame(self.macs))
    }

    fn send_frame(&mut self, frame: &[u8]) -> io::Result<()> {
        self.frames_left = self
            .frames_left
            .checked_sub(1)
            .ok_or_else(|| io::Error::other("the injector has sent all that it may"))?;
        let now = Instant::now();
        thread::sleep(self.next.saturating_duration_since(now));
        self.next = self.next.max(now) + self.apart;
        self.sender.send(&[frame]).map_err(|(_, error)| error)
    }
}

impl Segment {
    fn frame(&self, (source, destination): (Mac, Mac)) -> Vec<u8> {
        let step = PacketBuilder::ethernet2(source, destination)
            .ipv4(self.from.ip().octets(), self.to.ip().octets(), HOPS)
            .tcp(self.from.port(), self.to.port(), self.sequence, WINDOW);
        let step = match self.acknowledgement {
            Some(number) => step.ack(number),
            None => step
                .syn()
                .options(&[TcpOptionElement::MaximumSegmentSize(SEGMENT_SIZE)])
                .expect("one option has room"),
        };
        let mut frame = Vec::with_capacity(step.size(0));
        step.write(&mut frame, &[]).expect("a segment without data is no longer than a packet");
        frame
    }
}

impl Datagram<'_> {
    fn frame(&self, (source, destination): (Mac, Mac)) -> Vec<u8> {
        let step = PacketBuilder::ethernet2(source, destination)
            .ipv4(self.from.ip().octets(), self.to.ip().octets(), HOPS)
            .udp(self.from.port(), self.to.port());
        let mut frame = Vec::with_capacity(step.size(self.payload.len()));
        step.write(&mut frame, self.payload).expect("it was seen to fit");
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;

    #[test]
    fn a_segment_is_a_request_or_an_acknowledgement() {
        let from = "198.18.0.1:1024".parse().unwrap();
        let to = "10.0.0.2:7878".parse().unwrap();
        for (acknowledgement, flags, len) in [(None, "SYN", 58), (Some(9), "ACK", 54)] {
            let frame = Segment { from, to, sequence: 7, acknowledgement }.frame(([2; 6], [4; 6]));
            let packet = Packet::parse(&frame).unwrap();
            let tcp = packet.tcp().unwrap();
            assert_eq!(packet.source_socket(), Some(from.into()));
            assert_eq!((tcp.flags.to_string().as_str(), tcp.sequence), (flags, 7));
            assert_eq!((frame.len(), &frame[..6]), (len, &[4; 6][..]));
        }
    }

    #[test]
    fn a_datagram_says_who_is_said_to_have_sent_it() {
        let from = "198.18.0.1:1024".parse().unwrap();
        let to = "10.0.0.2:7879".parse().unwrap();
        let frame = Datagram { from, to, payload: b"hello" }.frame(([2; 6], [4; 6]));
        let packet = Packet::parse(&frame).unwrap();
        assert_eq!(
            (packet.source_socket(), packet.ports()),
            (Some(from.into()), Some((1024, 7879)))
        );
        assert_eq!((frame.len(), &frame[42..]), (47, &b"hello"[..]));
    }
}
