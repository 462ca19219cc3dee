//! The states of a host's connections, over time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::lab::Lab;
use crate::record::Record;
use crate::sampling::Sampling;
use crate::sockets::{ConnectionReader, TcpState};
use crate::wire::Follower;

/// How often the kernel is asked. What comes and goes within this time may be missed.
pub const EVERY: Duration = Duration::from_millis(5);

/// Of how many connections the states are kept, so that a flood costs no more. Those that come first are.
pub const MAX_CONNECTIONS: usize = 64;

/// One end of a connection, as its host has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedEnd {
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's address.
    pub remote: SocketAddr,
    /// Every change of its state; none stands for an end that the kernel has forgotten. Empty where the
    /// kernel was never seen to have it.
    pub changes: Vec<(Moment, Option<TcpState>)>,
}

/// Asks for the states of a host's connections until it is told to finish.
///
/// It learns from the wire which connections there are, and asks for each of them alone: to have all
/// sockets listed, the kernel goes through the table of the whole machine, which takes some 200 us each time.
#[derive(Debug)]
pub struct StateWatch(Sampling<Watched>);

impl StateWatch {
    /// Begins to watch the connections that a host has with other hosts of its lab, from the first packet
    /// on; none where there is no wire. It has looked once when this returns.
    pub fn start(lab: &Lab, host: &str) -> Option<Self> {
        let packets = lab.wire()?.follower();
        let own = lab.host(host).addresses().all();
        let all =
            lab.host_names().iter().flat_map(|name| lab.host(name).addresses().all()).collect();
        let ends = Ends { own, all, seen: BTreeMap::new() };
        let watched = Watched { clock: lab.clock(), packets, ends, readers: BTreeMap::new() };
        Some(Self(Sampling::start(lab.host(host), EVERY, || Ok(watched), Watched::look)))
    }

    /// Ends the watch and gives back every connection that it knew of, in the order in which they came.
    pub fn finish(self) -> io::Result<Vec<WatchedEnd>> {
        let seen = self.0.finish()?.ends.seen.into_iter();
        let mut ends: Vec<(usize, WatchedEnd)> = seen
            .map(|((local, remote), End { place, changes, .. })| {
                (place, WatchedEnd { local, remote, changes })
            })
            .collect();
        ends.sort_by_key(|(place, _)| *place);
        Ok(ends.into_iter().map(|(_, end)| end).collect())
    }
}

/// An end's own address and its peer's.
type Addresses = (SocketAddr, SocketAddr);

struct Watched {
    clock: Clock,
    packets: Follower,
    ends: Ends,
    readers: BTreeMap<Addresses, ConnectionReader>,
}

impl Watched {
    fn look(&mut self) -> io::Result<()> {
        self.ends.learn(&self.packets.fresh());
        for (addresses, end) in &mut self.ends.seen {
            if end.is_over {
                continue;
            }
            let reader = match self.readers.entry(*addresses) {
                Entry::Occupied(reader) => reader.into_mut(),
                Entry::Vacant(place) => {
                    place.insert(ConnectionReader::open(addresses.0, addresses.1)?)
                }
            };
            let state = reader.read()?.map(|socket| socket.state);
            end.see(self.clock.now(), state);
            if end.is_over {
                self.readers.remove(addresses);
            }
        }
        Ok(())
    }
}

/// The ends that are known.
struct Ends {
    /// The addresses of the host.
    own: Vec<IpAddr>,
    /// The addresses of all hosts: a forged sender is none of them.
    all: Vec<IpAddr>,
    seen: BTreeMap<Addresses, End>,
}

#[derive(Debug, Default)]
struct End {
    /// Which of the connections it was, in the order in which they came.
    place: usize,
    changes: Vec<(Moment, Option<TcpState>)>,
    /// Whether the kernel has forgotten it. Another connection between the same ports begins with a SYN.
    is_over: bool,
}

impl Ends {
    /// Learns of connections from their first segments.
    fn learn(&mut self, packets: &[Record]) {
        for packet in packets.iter().filter_map(|record| record.packet.as_ref()) {
            let Some(tcp) = packet.tcp().filter(|tcp| tcp.flags.is_first_syn()) else { continue };
            let from = SocketAddr::new(packet.source, tcp.source_port);
            let to = SocketAddr::new(packet.destination, tcp.destination_port);
            for (local, remote) in [(from, to), (to, from)] {
                if !self.own.contains(&local.ip()) || !self.all.contains(&remote.ip()) {
                    continue;
                }
                let place = self.seen.len();
                if let Some(end) = self.seen.get_mut(&(local, remote)) {
                    end.is_over = false;
                } else if place < MAX_CONNECTIONS {
                    self.seen.insert((local, remote), End { place, ..End::default() });
                }
            }
        }
    }
}

impl End {
    /// Takes what the kernel has of it now.
    fn see(&mut self, at: Moment, state: Option<TcpState>) {
        // Before it has anything there is nothing to be told.
        let last = self.changes.last().and_then(|(_, state)| *state);
        if last != state {
            self.changes.push((at, state));
            self.is_over = state.is_none();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Packet, Tcp, TcpFlags, Transport};
    use crate::record::{HostId, Verdict};

    fn syn(from: [u8; 4], port: u16) -> Record {
        let tcp = Tcp {
            source_port: port,
            destination_port: 7878,
            sequence: 1,
            acknowledgement: 0,
            flags: TcpFlags { syn: true, ..TcpFlags::default() },
            window: 1,
            window_scale: None,
            len: 0,
        };
        let (source, destination) = (from.into(), [10, 0, 0, 2].into());
        Record {
            number: 1,
            from: HostId(0),
            to: None,
            sent: Moment(7),
            verdict: Verdict::OnTheWay,
            rule: None,
            copy_of: None,
            packet: Some(Packet { source, destination, transport: Transport::Tcp(tcp) }),
            len: 100,
            frame: Vec::new(),
        }
    }

    fn ends(own: [u8; 4]) -> Ends {
        let all = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from).to_vec();
        Ends { own: vec![own.into()], all, seen: BTreeMap::new() }
    }

    #[test]
    fn a_host_watches_its_own_ends_and_none_of_forged_senders() {
        let packets =
            [syn([10, 0, 0, 1], 4001), syn([10, 9, 9, 9], 4002), syn([10, 0, 0, 1], 4001)];
        for (own, local) in [([10, 0, 0, 1], 4001), ([10, 0, 0, 2], 7878)] {
            let mut ends = ends(own);
            ends.learn(&packets);
            let locals: Vec<u16> = ends.seen.keys().map(|(local, _)| local.port()).collect();
            assert_eq!(locals, [local]);
        }
        let mut full = ends([10, 0, 0, 2]);
        full.learn(&(1..=200).map(|port| syn([10, 0, 0, 1], port)).collect::<Vec<_>>());
        assert_eq!(full.seen.len(), MAX_CONNECTIONS);
    }

    #[test]
    fn only_changes_are_kept_and_the_end_is_one() {
        use TcpState::{Established, SynSent};
        let mut end = End::default();
        let seen = [None, Some(SynSent), Some(SynSent), Some(Established), None];
        for (at, state) in (0..).map(Moment).zip(seen) {
            end.see(at, state);
        }
        let changes = [(1, Some(SynSent)), (3, Some(Established)), (4, None)];
        assert_eq!(end.changes, changes.map(|(at, state)| (Moment(at), state)));
        assert!(end.is_over);
    }
}
