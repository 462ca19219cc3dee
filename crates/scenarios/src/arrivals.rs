//! How many datagrams has the wire brought to a port?
//!
//! Nobody tells a receiver that a datagram was lost, so a story that waits for one waits for what the wire
//! has delivered, and not for what was sent.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use netlab::record::HostId;
use netlab::{Lab, Record, Transport};

use crate::stage::{Actor, SOON};

/// How often it is looked.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Datagrams to one port of a host of a lab.
#[derive(Clone, Copy, Debug)]
pub struct Arrivals<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// Whose port it is.
    pub host: &'a str,
    /// The port.
    pub port: u16,
}

impl Arrivals<'_> {
    /// How many arrive whole of the first `sent` and of their copies, once none is on its way any more.
    ///
    /// Without a wire nothing is lost on the way: all that were sent.
    pub fn of(self, sent: usize) -> usize {
        let Some(wire) = self.lab.wire() else { return sent };
        let to = self.lab.host(self.host).id();
        wait_until(|| count_sent(&wire.records(), to, self.port) >= sent);
        wire.settle(SOON);
        count_whole(&wire.records(), to, self.port)
    }

    /// Waits until `receiver` has told of all that arrive of the first `sent`.
    pub fn are_told_by(self, receiver: &Actor, sent: usize) {
        let arrive = self.of(sent);
        wait_until(|| receiver.events("datagram").len() >= arrive);
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() && Instant::now() < deadline {
        thread::sleep(LOOK_AGAIN);
    }
}

/// A part of a datagram that was cut, by the number that all of its parts have.
fn part_of(record: &Record) -> Option<(u16, usize, bool)> {
    match record.packet.as_ref()?.transport {
        Transport::Fragment { identification, offset, more, .. } => {
            Some((identification, offset, more))
        }
        _ => None,
    }
}

fn is_whole(record: &Record, port: u16) -> bool {
    let transport = record.packet.as_ref().map(|packet| &packet.transport);
    matches!(transport, Some(Transport::Udp { destination_port, .. }) if *destination_port == port)
}

/// How many were sent, as far as the wire has seen it: of those in parts, with the last part.
fn count_sent(records: &[Record], to: HostId, port: u16) -> usize {
    let is_last = |record: &Record| part_of(record).is_some_and(|(_, _, more)| !more);
    let of_it = |record: &&Record| {
        let is_first_time = record.to == Some(to) && record.copy_of.is_none();
        is_first_time && (is_whole(record, port) || is_last(record))
    };
    records.iter().filter(of_it).count()
}

/// How many came whole. Parts are joined once, whatever copies of them there are.
fn count_whole(records: &[Record], to: HostId, port: u16) -> usize {
    let there = || records.iter().filter(|record| record.to == Some(to));
    let arrived = |record: &&Record| record.delivered().is_some();
    let in_one = there().filter(arrived).filter(|record| is_whole(record, port)).count();
    let (mut sent, mut got) = (HashMap::new(), HashMap::new());
    for record in there() {
        let Some((number, offset, _)) = part_of(record) else { continue };
        sent.entry(number).or_insert_with(HashSet::new).insert(offset);
        if record.delivered().is_some() {
            got.entry(number).or_insert_with(HashSet::new).insert(offset);
        }
    }
    in_one + sent.iter().filter(|(number, parts)| got.get(number) == Some(parts)).count()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use netlab::clock::Moment;
    use netlab::{Packet, Verdict};

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn record(transport: Transport, arrives: bool, copy_of: Option<usize>) -> Record {
        let verdict =
            if arrives { Verdict::Delivered(Moment::default()) } else { Verdict::Dropped };
        Record {
            number: 1,
            from: HostId(0),
            to: Some(HostId(1)),
            sent: Moment::default(),
            verdict,
            rule: None,
            copy_of,
            packet: Some(Packet { source: ADDRESS, destination: ADDRESS, transport }),
            len: 0,
            frame: Vec::new(),
        }
    }

    fn whole(port: u16) -> Transport {
        Transport::Udp { source_port: 1, destination_port: port, len: 3 }
    }

    fn part(identification: u16, offset: usize, more: bool) -> Transport {
        Transport::Fragment { protocol: 17, identification, offset, len: 8, more, ports: None }
    }

    #[test]
    fn what_is_lost_was_sent_and_does_not_arrive() {
        let records = [
            record(whole(7), true, None),
            record(whole(7), true, Some(1)),
            record(whole(7), false, None),
            record(whole(8), true, None),
        ];
        assert_eq!(count_sent(&records, HostId(1), 7), 2);
        assert_eq!(count_whole(&records, HostId(1), 7), 2, "a copy is told of, too");
        assert_eq!(count_sent(&records, HostId(0), 7), 0);
    }

    #[test]
    fn a_datagram_in_parts_arrives_with_all_of_them_or_not() {
        let records = [
            record(part(1, 0, true), true, None),
            record(part(1, 8, false), true, None),
            record(part(1, 8, false), true, Some(2)),
            record(part(2, 0, true), false, None),
            record(part(2, 8, false), true, None),
        ];
        assert_eq!(count_sent(&records, HostId(1), 7), 2);
        assert_eq!(count_whole(&records, HostId(1), 7), 1);
    }
}
