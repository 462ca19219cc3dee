//! What was sent before: retransmissions and probes, told from the packets alone.

use std::collections::HashMap;
use std::net::SocketAddr;

use netlab::{Packet, Record, Tcp, Transport};

use crate::arq_packet::ArqPacket;
use crate::findings::Segment;

/// The sender's host, and the two ends as packets name them: one direction of a connection. A forged sender
/// is at another host, and is another one with each address.
type Flow = (usize, SocketAddr, SocketAddr);

/// Remembers what each direction of each connection has sent.
#[derive(Debug, Default)]
pub struct SentBefore {
    flows: HashMap<Flow, Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    /// The number of its first segment, from which the others are counted.
    first: Option<u32>,
    /// By how many bits its windows are to be shifted; none where its SYN was not seen, or did not say.
    window_scale: Option<u8>,
    /// Whether its last segment had no room for anything.
    is_full: bool,
    /// The number after the last byte that was sent, a SYN and a FIN counting as one each.
    next: Option<u32>,
    /// How many times each segment was sent, by where it begins.
    times: HashMap<u32, u32>,
}

/// A packet as a ladder shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What it says: `SYN, ACK`.
    pub label: String,
    /// Bytes of data that it carries.
    pub len: usize,
    /// How many times the same was sent before.
    pub retry: u32,
    /// Whether its sender cannot take a byte more.
    pub is_full: bool,
    /// Where it is in the stream of its connection.
    pub segment: Option<Segment>,
}

impl SentBefore {
    /// Describes the next packet of a recording; `None` where it is nothing that has a place in a ladder.
    pub fn describe(&mut self, record: &Record, packet: &Packet) -> Option<Described> {
        let mut described = self.describe_packet(record, packet)?;
        if record.copy_of.is_some() {
            described.label.push_str(", copy");
        }
        Some(described)
    }

    fn describe_packet(&mut self, record: &Record, packet: &Packet) -> Option<Described> {
        match &packet.transport {
            Transport::Tcp(tcp) => {
                let from = SocketAddr::new(packet.source, tcp.source_port);
                let to = SocketAddr::new(packet.destination, tcp.destination_port);
                let other = record.to.map(|host| (host.0, to, from));
                let other = other.and_then(|flow| self.flows.get(&flow));
                let facing = other.map(Facing::of).unwrap_or_default();
                let sent = self.flows.entry((record.from.0, from, to)).or_default();
                // The sender did not send a copy that the wire made.
                let mut described = match record.copy_of {
                    Some(_) => plain(tcp),
                    None => sent.describe(tcp, facing),
                };
                described.segment = Some(sent.segment(tcp, facing));
                Some(described)
            }
            Transport::Udp { len, .. } => {
                let label = match ArqPacket::of(record) {
                    Some(packet) => packet.to_string(),
                    None if *len == 0 => "UDP, empty".to_owned(),
                    None => "UDP".to_owned(),
                };
                Some(Described { label, len: *len, retry: 0, is_full: false, segment: None })
            }
            Transport::Fragment { offset, len, more, .. } => {
                let last = if *more { "" } else { ", last" };
                let label = format!("part at {offset}{last}:");
                Some(Described { label, len: *len, retry: 0, is_full: false, segment: None })
            }
            Transport::Icmp { kind, code, .. } => {
                let label = match (kind, code) {
                    (3, 3) => "ICMP port unreachable".to_owned(),
                    (11, 1) => "ICMP reassembly time exceeded".to_owned(),
                    _ => format!("ICMP type {kind}, code {code}"),
                };
                Some(Described { label, len: 0, retry: 0, is_full: false, segment: None })
            }
            Transport::Other { .. } => None,
        }
    }
}

/// What is to be known of the other direction of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Facing {
    first: Option<u32>,
    window_scale: Option<u8>,
    is_full: bool,
}

impl Facing {
    fn of(sent: &Sent) -> Self {
        let Sent { first, window_scale, is_full, .. } = *sent;
        Self { first, window_scale, is_full }
    }
}

/// A segment as it is, whatever was sent before.
fn plain(tcp: &Tcp) -> Described {
    let (mut label, is_full) = (tcp.flags.to_string(), has_no_room(tcp));
    if is_full {
        label.push_str(" zero window");
    }
    Described { label, len: tcp.len, retry: 0, is_full, segment: None }
}

/// Whether its sender cannot take a byte more. The segments that open and end a connection do not say.
fn has_no_room(tcp: &Tcp) -> bool {
    tcp.window == 0 && !(tcp.flags.syn || tcp.flags.fin || tcp.flags.rst)
}

impl Sent {
    /// Where a segment is in its stream.
    fn segment(&mut self, tcp: &Tcp, facing: Facing) -> Segment {
        if tcp.flags.syn && self.first != Some(tcp.sequence) {
            // A connection, or another one between the same ports.
            (self.first, self.window_scale) = (Some(tcp.sequence), tcp.window_scale);
        }
        let first = *self.first.get_or_insert(tcp.sequence);
        // Counted from the first, which may not be the earliest: a forged or late one may be before it.
        let since = |number: u32, first: u32| i64::from(number.wrapping_sub(first).cast_signed());
        let acknowledged = facing.first.filter(|_| tcp.flags.ack);
        // Windows are shifted where both ends have said so, and not in a SYN (RFC 7323, 2.2).
        let shift = match (self.window_scale, facing.window_scale) {
            (Some(shift), Some(_)) if !tcp.flags.syn => shift,
            _ => 0,
        };
        Segment {
            seq: since(tcp.sequence, first),
            ack: acknowledged.map(|first| since(tcp.acknowledgement, first)),
            window: u64::from(tcp.window) << shift,
        }
    }

    fn describe(&mut self, tcp: &Tcp, facing: Facing) -> Described {
        self.is_full = has_no_room(tcp);
        let mut described = plain(tcp);
        let takes = tcp.len + usize::from(tcp.flags.syn) + usize::from(tcp.flags.fin);
        if takes == 0 {
            // It acknowledges from one byte back what is acknowledged already (RFC 9293, 3.8.4). So does
            // Linux where it asks for room (tcp_xmit_probe_skb, net/ipv4/tcp_output.c).
            if !tcp.flags.rst && self.next == Some(tcp.sequence.wrapping_add(1)) {
                let what = if facing.is_full { " window probe" } else { " keepalive probe" };
                described.label.push_str(what);
            }
            return described;
        }
        let end = tcp.sequence.wrapping_add(u32::try_from(takes).expect("a segment is short"));
        let times = self.times.entry(tcp.sequence).or_insert(0);
        // Sequence numbers go round, so "before" is a difference of less than half of them.
        let before =
            self.next.is_some_and(|next| next.wrapping_sub(tcp.sequence).cast_signed() > 0);
        if before {
            // A segment that begins where none began was cut or joined differently the first time.
            described.retry = (*times).max(1);
        } else {
            self.next = Some(end);
        }
        *times += 1;
        described
    }
}

#[cfg(test)]
mod tests {
    use netlab::TcpFlags;

    use super::*;

    fn segment(sequence: u32, len: usize, syn: bool) -> Tcp {
        let flags = TcpFlags { syn, ack: true, ..TcpFlags::default() };
        Tcp {
            source_port: 1,
            destination_port: 2,
            sequence,
            acknowledgement: 0,
            flags,
            window: 1,
            window_scale: None,
            len,
        }
    }

    #[test]
    fn what_was_sent_before_is_told_from_what_is_new() {
        let mut sent = Sent::default();
        let start = u32::MAX - 1;
        for (sequence, len, syn, retry, label) in [
            (start, 0, true, 0, "SYN, ACK"),
            (start, 0, true, 1, "SYN, ACK"),
            // The numbers go round here.
            (start.wrapping_add(1), 10, false, 0, "ACK"),
            (start.wrapping_add(11), 10, false, 0, "ACK"),
            (start.wrapping_add(1), 10, false, 1, "ACK"),
            (start.wrapping_add(1), 20, false, 2, "ACK"),
            (start.wrapping_add(6), 5, false, 1, "ACK"),
            (start.wrapping_add(21), 0, false, 0, "ACK"),
            (start.wrapping_add(20), 0, false, 0, "ACK keepalive probe"),
        ] {
            let described = sent.describe(&segment(sequence, len, syn), Facing::default());
            assert_eq!((described.retry, described.label.as_str()), (retry, label), "{sequence}");
        }
    }

    #[test]
    fn who_has_no_room_says_so_and_is_asked_for_some() {
        let full = Tcp { window: 0, ..segment(77, 0, false) };
        assert_eq!(Sent::default().describe(&full, Facing::default()).label, "ACK zero window");
        let mut sent = Sent::default();
        sent.describe(&segment(5, 10, false), Facing::default());
        let probe = segment(14, 0, false);
        let facing = Facing { is_full: true, ..Facing::default() };
        assert_eq!(sent.describe(&probe, facing).label, "ACK window probe");
        let end = Tcp { flags: TcpFlags { rst: true, ..TcpFlags::default() }, ..full };
        assert_eq!(Sent::default().describe(&end, Facing::default()).label, "RST");
    }

    #[test]
    fn numbers_count_from_the_first_segment_and_windows_are_shifted() {
        let start = u32::MAX - 1;
        let mut sent = Sent::default();
        let facing = Facing { first: Some(1000), window_scale: Some(3), is_full: false };
        let mut at = |tcp: Tcp| {
            let Segment { seq, ack, window } = sent.segment(&tcp, facing);
            (seq, ack, window)
        };
        let number = |sequence: u32, syn: bool| Tcp {
            acknowledgement: 1001,
            window: 500,
            window_scale: syn.then_some(7),
            ..segment(sequence, 0, syn)
        };
        assert_eq!(at(number(start, true)), (0, Some(1), 500));
        assert_eq!(at(number(start.wrapping_add(9), false)), (9, Some(1), 500 << 7));
        assert_eq!(at(number(start - 3, false)), (-3, Some(1), 500 << 7));
        // Another connection between the same ports.
        assert_eq!(at(Tcp { window_scale: None, ..number(9000, true) }), (0, Some(1), 500));
        assert_eq!(at(number(9001, false)), (1, Some(1), 500));
    }
}
