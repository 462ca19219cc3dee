//! From what a lab recorded to what a report shows.

use std::collections::{BTreeMap, HashMap};

use netlab::clock::{Clock, Moment};
use netlab::queue_watch::{QueueSample, QueueWatch};
use netlab::state_watch::{StateWatch, WatchedEnd};
use netlab::{Counters, Host, Lab, Packet, Record, Tcp, Transport, Verdict, pcapng};

use crate::findings::{Check, CounterLine, Fate, Lane, PacketLine, QueueLine, Story};
use crate::sent_again::{Described, SentBefore};
use crate::stage::{SOON, Trouble};
use crate::state_lanes::{HostEnds, lanes};

/// Counters that tell no story: they count every segment. The page about reports names them
/// (docs/scenarios/README.md).
const NOISE: [&str; 9] = [
    "Ip",
    "TcpExtTCPDelivered",
    "TcpExtTCPHPAcks",
    "TcpExtTCPHPHits",
    "TcpExtTCPOrigDataSent",
    "TcpExtTCPPureAcks",
    "TcpExtTcpTimeoutRehash",
    "TcpInSegs",
    "TcpOutSegs",
];

/// Turns recorded packets into the lines of a ladder.
///
/// The first packet is the zero of the story's time, which the queue's samples are told in too.
#[derive(Debug, Default)]
pub struct Observer {
    zero: Moment,
    names: HashMap<u16, String>,
    /// Why a packet that arrived was of no avail, by its number.
    ignored: BTreeMap<usize, String>,
}

impl Observer {
    /// An observer of these records.
    pub fn new(records: &[Record]) -> Self {
        let zero = records.first().map(|record| record.sent).unwrap_or_default();
        Self { zero, ..Self::default() }
    }

    /// Names the client that talks from this port.
    pub fn name(&mut self, port: u16, name: &str) {
        self.names.insert(port, name.to_owned());
    }

    /// Says of a packet that it arrived and that the kernel dropped it.
    pub fn dropped_by_kernel(&mut self, number: usize, why: &str) {
        self.ignored.insert(number, why.to_owned());
    }

    /// Who talks from this port; none where others have names and this one has none.
    pub fn who(&self, client_port: u16) -> Option<String> {
        let named = self.names.get(&client_port).cloned();
        named.or_else(|| self.names.is_empty().then(|| format!(":{client_port}")))
    }

    /// Milliseconds since the first packet.
    pub fn millis(&self, at: Moment) -> f64 {
        // To the nanosecond, which is what was measured.
        ((at.as_millis() - self.zero.as_millis()) * 1e6).round() / 1e6
    }

    /// The records as lines of a ladder. `server_port` tells which of two ports is the client's.
    pub fn packets(&self, records: &[Record], server_port: u16) -> Vec<PacketLine> {
        let mut sent_before = SentBefore::default();
        let mut fragments = Fragments::default();
        let mut lines = Vec::new();
        for record in records {
            let Some(packet) = &record.packet else { continue };
            let Some(ports) = fragments.ports(record, packet) else { continue };
            let Some(described) = sent_before.describe(record, packet) else { continue };
            let Described { label, len, retry, segment, .. } = described;
            let client_port = if ports.0 == server_port { ports.1 } else { ports.0 };
            let who = self.names.get(&client_port).cloned();
            lines.push(PacketLine {
                number: record.number,
                from: record.from.0,
                sent_ms: self.millis(record.sent),
                arrived_ms: record.delivered().map(|at| self.millis(at)),
                who: who.unwrap_or_else(|| format!(":{client_port}")),
                ports,
                label,
                len,
                retry,
                fate: self.fate(record),
                tcp: segment,
            });
        }
        lines
    }

    fn fate(&self, record: &Record) -> Fate {
        fate_of(record, self.ignored.get(&record.number))
    }

    /// The samples of a queue, in the story's time.
    pub fn queue(&self, samples: &[QueueSample]) -> Vec<QueueLine> {
        samples
            .iter()
            .map(|sample| QueueLine {
                at_ms: self.millis(sample.at),
                length: sample.length,
                backlog: sample.backlog,
            })
            .collect()
    }
}

/// To which talk packets belong that do not carry both ports themselves.
#[derive(Debug, Default)]
struct Fragments {
    /// The ports of the first part of a packet, by its sender and its number.
    first: HashMap<(usize, u16), (u16, u16)>,
}

impl Fragments {
    /// The ports of sender and receiver, also of a later fragment and of an error about a packet.
    fn ports(&mut self, record: &Record, packet: &Packet) -> Option<(u16, u16)> {
        match packet.transport {
            Transport::Fragment { identification, ports, .. } => {
                let packet = (record.from.0, identification);
                self.first.extend(ports.map(|ports| (packet, ports)));
                self.first.get(&packet).copied()
            }
            // An error comes from where the packet went.
            Transport::Icmp { about, .. } => about.map(|(from, to)| (to, from)),
            _ => packet.ports(),
        }
    }
}

/// Everything that can be watched from outside while a story plays.
#[derive(Debug)]
pub struct Watch {
    before: Vec<(String, Counters)>,
    queue: Option<QueueWatch>,
    states: Vec<StateWatch>,
    server_port: u16,
}

/// What a watch saw.
#[derive(Debug)]
pub struct Seen {
    /// The packets; none without a wire.
    pub records: Vec<Record>,
    missed: Option<u64>,
    /// The accept queue of the server.
    pub queue: Vec<QueueSample>,
    /// The connections of each host, as far as they are watched.
    states: Vec<Vec<WatchedEnd>>,
    counters: Vec<(String, Counters, Counters)>,
    server_port: u16,
    /// Packets that are in the recording and in no ladder.
    hidden: Vec<Record>,
    clock: Clock,
    interfaces: Vec<pcapng::Interface>,
}

impl Watch {
    /// Begins to watch a lab, and the accept queue on `server_port` where a host is called "server".
    pub fn begin(lab: &Lab, server_port: u16) -> Result<Self, Trouble> {
        let has_server = lab.host_names().iter().any(|name| name == "server");
        let queue =
            has_server.then(|| QueueWatch::start(lab.host("server"), lab.clock(), server_port));
        let states =
            lab.host_names().iter().filter_map(|name| StateWatch::start(lab, name)).collect();
        Ok(Self { before: read_counters(lab)?, queue, states, server_port })
    }

    /// Ends the watch when no packet is on its way any more.
    pub fn end(self, lab: &Lab) -> Result<Seen, Trouble> {
        let (mut records, mut missed) = (Vec::new(), None);
        if let Some(wire) = lab.wire() {
            wire.settle(SOON);
            records = wire.records();
            missed = Some(wire.missed() + wire.left_out());
            if let Some(failure) = wire.failure() {
                return Err(Trouble::Recording(failure));
            }
        }
        let queue = self.queue.map_or(Ok(Vec::new()), QueueWatch::finish);
        let queue = queue.map_err(Trouble::io("read the accept queue"))?;
        let states: Result<Vec<_>, _> = self.states.into_iter().map(StateWatch::finish).collect();
        let states = states.map_err(Trouble::io("read the states of connections"))?;
        let after = read_counters(lab)?.into_iter().map(|(_, counters)| counters);
        let counters =
            self.before.into_iter().zip(after).map(|((host, before), after)| (host, before, after));
        let names = lab.host_names();
        Ok(Seen {
            records,
            missed,
            queue,
            states,
            counters: counters.collect(),
            server_port: self.server_port,
            hidden: Vec::new(),
            clock: lab.clock(),
            interfaces: names.iter().map(|name| lab.host(name).into()).collect(),
        })
    }
}

impl Seen {
    /// What a lab has recorded and counted until now, since it was made.
    pub fn so_far(lab: &Lab) -> Result<Self, Trouble> {
        let watch = Watch { before: Vec::new(), queue: None, states: Vec::new(), server_port: 0 };
        let mut seen = watch.end(lab)?;
        // A host's kernel has counted nothing before it was there.
        let counted = read_counters(lab)?.into_iter();
        seen.counters = counted.map(|(host, now)| (host, Counters::default(), now)).collect();
        Ok(seen)
    }

    /// The same, where this port is the server's.
    pub fn with_server_port(self, server_port: u16) -> Self {
        Self { server_port, ..self }
    }

    /// How much a counter of a host moved.
    pub fn moved(&self, host: &str, counter: &str) -> i64 {
        let of_host = self.counters.iter().find(|(name, ..)| name == host);
        of_host.map_or(0, |(_, before, after)| {
            after.get(counter).unwrap_or(0) - before.get(counter).unwrap_or(0)
        })
    }

    /// The TCP segments that `is_it` picks, with what each says.
    pub fn segments(&self, is_it: impl Fn(&Record, &Tcp) -> bool) -> Vec<&Record> {
        let tcp_of = |record: &'_ Record| record.packet.as_ref().and_then(|p| p.tcp().cloned());
        self.records.iter().filter(|r| tcp_of(r).is_some_and(|tcp| is_it(r, &tcp))).collect()
    }

    /// Leaves the packets from and to a host out, and says so in words, if there are any.
    pub fn hide(&mut self, host: &Host, whose: &str) -> Option<String> {
        let hidden =
            self.hide_where(|record| record.from == host.id() || record.to == Some(host.id()));
        (hidden > 0).then(|| format!("{hidden} packets of {whose}"))
    }

    /// Leaves the packets of which `is_it` is true out of the ladder and says how many there are; they stay
    /// in the recording.
    pub fn hide_where(&mut self, is_it: impl Fn(&Record) -> bool) -> usize {
        let before = self.hidden.len();
        self.hidden.extend(self.records.extract_if(.., |record| is_it(record)));
        self.hidden.len() - before
    }

    /// Puts all of it into the story, as the observer names and marks it, and checks that the recording
    /// is complete: what the wire missed would be taken for lost.
    pub fn put_into(self, story: &mut Story, observer: &Observer) {
        story.packets = observer.packets(&self.records, self.server_port);
        story.queue = observer.queue(&self.queue);
        story.lanes = self.lanes(&story.lifelines, observer);
        story.counters = self
            .counters
            .iter()
            .flat_map(|(host, before, after)| counters(host, before, after))
            .collect();
        story.capture = self.capture(&story.packets, format!("{}: {}", story.name, story.says));
        if let Some(missed) = self.missed {
            let id = format!("{}-recording", story.name);
            story.checks.push(Check::equal(&id, "packets that the recording missed", 0, missed));
        }
    }
}

/// What became of a packet; `ignored` says why it was of no avail where it arrived.
fn fate_of(record: &Record, ignored: Option<&String>) -> Fate {
    match (&record.verdict, ignored) {
        (Verdict::Delivered(_), None) => Fate::Taken,
        (Verdict::Delivered(_), Some(why)) => Fate::DroppedByKernel(why.clone()),
        (Verdict::Dropped, _) => Fate::DroppedOnTheWire(record.rule.clone().unwrap_or_default()),
        (Verdict::OnTheWay, _) => Fate::OnTheWay,
    }
}

impl Seen {
    /// The states of the connections between the hosts of the ladder.
    fn lanes(&self, lifelines: &[String], observer: &Observer) -> Vec<Lane> {
        let hosts = self.interfaces.iter().zip(&self.states).map(|(interface, ends)| HostEnds {
            host: interface.name.clone(),
            addresses: interface.addresses.clone(),
            ends: ends.clone(),
        });
        let is_drawn = |host: &HostEnds| {
            lifelines.iter().any(|line| line.split(' ').next() == Some(&host.host))
        };
        lanes(&hosts.filter(is_drawn).collect::<Vec<_>>(), observer, self.server_port)
    }

    /// The recording as a file, in which each packet says what the ladder says of it.
    fn capture(&self, packets: &[PacketLine], says: String) -> Option<Vec<u8>> {
        let missed = self.missed?;
        let mut all: Vec<&Record> = self.records.iter().chain(&self.hidden).collect();
        all.sort_by_key(|record| record.number);
        let fates: HashMap<usize, &Fate> =
            packets.iter().map(|packet| (packet.number, &packet.fate)).collect();
        // Those that no ladder shows are told of, too.
        let mut sent_before = SentBefore::default();
        let comments: HashMap<usize, String> = all
            .iter()
            .filter_map(|record| {
                let packet = record.packet.as_ref();
                let said = packet.and_then(|packet| sent_before.describe(record, packet));
                let fate = fates.get(&record.number).copied().cloned();
                let fate = fate.unwrap_or_else(|| fate_of(record, None));
                let comment = comment(record.copy_of, said.as_ref(), &fate)?;
                Some((record.number, comment))
            })
            .collect();
        let about = pcapng::About { says, interfaces: self.interfaces.clone(), missed };
        let mut file = Vec::new();
        let comment = |record: &Record| comments.get(&record.number).cloned();
        pcapng::write(&mut file, self.clock, &about, all, comment)
            .expect("memory takes what is written to it");
        Some(file)
    }
}

/// What a reader of the file should know of a packet that a cable would not show.
fn comment(copy_of: Option<usize>, said: Option<&Described>, fate: &Fate) -> Option<String> {
    let retry = said.map_or(0, |said| said.retry);
    let is_full = said.is_some_and(|said| said.is_full);
    let copy = copy_of.map(|packet| format!("a copy of packet {packet} that the wire made"));
    let again = (retry > 0).then(|| format!("sent again, try {retry} after the first"));
    let full = is_full.then(|| "its sender has no room for a byte more".to_owned());
    let lost = match fate {
        Fate::DroppedOnTheWire(rule) => Some(format!("dropped on the wire: {rule}")),
        Fate::DroppedByKernel(why) => Some(format!("arrived, and was dropped there: {why}")),
        Fate::Taken | Fate::OnTheWay => None,
    };
    let said: Vec<String> = [copy, again, full, lost].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn read_counters(lab: &Lab) -> Result<Vec<(String, Counters)>, Trouble> {
    let mut counters = Vec::new();
    for name in lab.host_names() {
        if !lab.level().has_namespaces() {
            // One kernel for all of them, and for every other program too.
            let read = lab.host(&name).counters().map_err(Trouble::io("read the counters"))?;
            return Ok(vec![("≈ all".to_owned(), read)]);
        }
        let read = lab.host(&name).counters();
        counters.push((name.clone(), read.map_err(Trouble::io("read the counters"))?));
    }
    Ok(counters)
}

/// The counters of a host that moved, without those that only count segments.
fn counters(host: &str, before: &Counters, after: &Counters) -> Vec<CounterLine> {
    after
        .since(before)
        .iter()
        .filter(|(name, _)| !NOISE.iter().any(|noise| name.starts_with(noise)))
        .map(|(name, delta)| {
            let after = after.get(name).unwrap_or(0);
            CounterLine {
                host: host.to_owned(),
                name: name.to_owned(),
                before: after - delta,
                after,
            }
        })
        .collect()
}

/// The knobs of a host that matter for a story, on one line; those that this kernel lacks are left out.
pub fn knobs(lab: &Lab, host: &str, names: &[&str]) -> String {
    let host = lab.host(host);
    let set = names.iter().filter_map(|name| Some(format!("{name}={}", host.sysctl(name).ok()?)));
    format!("{}: {}", host.name(), set.collect::<Vec<_>>().join(" "))
}

/// The lifelines of a ladder between two hosts.
pub fn lifelines(lab: &Lab, left: &str, right: &str, right_port: u16) -> Vec<String> {
    let (left, right) = (lab.host(left), lab.host(right));
    match (left.address_v6(), right.address_v6()) {
        (Some(left_v6), Some(right_v6)) => vec![
            format!("{} {}, {left_v6}", left.name(), left.address()),
            format!("{} {}, {right_v6}, port {right_port}", right.name(), right.address()),
        ],
        _ => vec![
            format!("{} {}", left.name(), left.address()),
            format!("{} {}:{right_port}", right.name(), right.address()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report does not say what it leaves out, so the page about reports does.
    #[test]
    fn what_is_left_out_is_said_where_reports_are_explained() {
        let page = include_str!("../../../docs/scenarios/README.md");
        for name in NOISE {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
