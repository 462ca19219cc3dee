//! What was sent before: retransmissions and keepalive probes, told from the packets alone.

use std::collections::HashMap;

use netlab::{Packet, Record, Tcp, Transport};

/// The sender's host and the two ports: one direction of a connection.
type Flow = (usize, (u16, u16));

/// Remembers what each direction of each connection has sent.
#[derive(Debug, Default)]
pub struct SentBefore {
    flows: HashMap<Flow, Sent>,
}

#[derive(Debug, Default)]
struct Sent {
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
                let sent = self.flows.entry((record.from.0, packet.ports()?)).or_default();
                // The sender did not send a copy that the wire made.
                Some(if record.copy_of.is_some() { plain(tcp) } else { sent.describe(tcp) })
            }
            Transport::Udp { len, .. } => {
                let label = if *len == 0 { "UDP, empty" } else { "UDP" };
                Some(Described { label: label.to_owned(), len: *len, retry: 0 })
            }
            Transport::Fragment { offset, len, more, .. } => {
                let last = if *more { "" } else { ", last" };
                let label = format!("part at {offset}{last}:");
                Some(Described { label, len: *len, retry: 0 })
            }
            Transport::Icmp { kind, code, .. } => {
                let label = match (kind, code) {
                    (3, 3) => "ICMP port unreachable".to_owned(),
                    (11, 1) => "ICMP reassembly time exceeded".to_owned(),
                    _ => format!("ICMP type {kind}, code {code}"),
                };
                Some(Described { label, len: 0, retry: 0 })
            }
            Transport::Other { .. } => None,
        }
    }
}

/// A segment as it is, whatever was sent before.
fn plain(tcp: &Tcp) -> Described {
    Described { label: tcp.flags.to_string(), len: tcp.len, retry: 0 }
}

impl Sent {
    fn describe(&mut self, tcp: &Tcp) -> Described {
        let mut described = plain(tcp);
        let takes = tcp.len + usize::from(tcp.flags.syn) + usize::from(tcp.flags.fin);
        if takes == 0 {
            // It acknowledges from one byte back what is acknowledged already (RFC 9293, 3.8.4).
            if !tcp.flags.rst && self.next == Some(tcp.sequence.wrapping_add(1)) {
                described.label.push_str(" keepalive probe");
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
            window: 0,
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
            let described = sent.describe(&segment(sequence, len, syn));
            assert_eq!((described.retry, described.label.as_str()), (retry, label), "{sequence}");
        }
    }
}
