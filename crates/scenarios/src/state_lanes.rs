//! Which states did each end of a connection go through, and when?

use std::net::IpAddr;

use netlab::TcpState;
use netlab::state_watch::WatchedEnd;

use crate::findings::Lane;
use crate::observe::Observer;

/// How many ends a story tells of at most: a flood has more, and nobody reads as many.
const MAX_LANES: usize = 200;

/// A host of the ladder, with its addresses and the connections that it had.
#[derive(Debug)]
pub(crate) struct HostEnds {
    pub(crate) host: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ends: Vec<WatchedEnd>,
}

/// The ends of the connections between these hosts, both ends of one after the other, in the order in which
/// the connections came. Where the observer knows the talkers of a story by name, only theirs.
pub(crate) fn lanes(hosts: &[HostEnds], observer: &Observer, server_port: u16) -> Vec<Lane> {
    let between = |end: &&WatchedEnd| {
        hosts.iter().any(|host| host.addresses.contains(&end.remote.ip().to_canonical()))
    };
    let mut lanes = Vec::new();
    for (place, HostEnds { host, ends, .. }) in hosts.iter().enumerate() {
        for end in ends.iter().filter(between).filter(|end| !end.changes.is_empty()) {
            let ports = (end.local.port(), end.remote.port());
            let client_port = if ports.0 == server_port { ports.1 } else { ports.0 };
            let Some(who) = observer.who(client_port) else { continue };
            let state = |state: &Option<TcpState>| {
                state.map_or_else(|| "gone".to_owned(), |state| state.to_string())
            };
            let states: Vec<(f64, String)> =
                end.changes.iter().map(|(at, now)| (observer.millis(*at), state(now))).collect();
            lanes.push((place, Lane { host: host.clone(), who, ports, states }));
        }
    }
    let first = |lane: &Lane| lane.states.first().map_or(0.0, |(at, _)| *at);
    let connection = |lane: &Lane| (lane.ports.0.min(lane.ports.1), lane.ports.0.max(lane.ports.1));
    let begin = |lane: &Lane| {
        let of_it = lanes.iter().filter(|(_, other)| connection(other) == connection(lane));
        of_it.map(|(_, other)| first(other)).fold(f64::INFINITY, f64::min)
    };
    let keys: Vec<_> =
        lanes.iter().map(|(place, lane)| (begin(lane), connection(lane), *place)).collect();
    let mut order: Vec<usize> = (0..lanes.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&keys[*a], &keys[*b]);
        a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2))
    });
    order.truncate(MAX_LANES);
    order.into_iter().map(|at| lanes[at].1.clone()).collect()
}

#[cfg(test)]
mod tests {
    use netlab::clock::Moment;

    use super::*;

    fn end(local: (u8, u16), remote: (u8, u16), at: u64, state: TcpState) -> WatchedEnd {
        let address = |(host, port): (u8, u16)| ([10, 0, 0, host], port).into();
        WatchedEnd {
            local: address(local),
            remote: address(remote),
            changes: vec![(Moment(at), Some(state)), (Moment(at + 1_000_000), None)],
        }
    }

    #[test]
    fn both_ends_of_a_connection_stand_together_and_strangers_are_left_out() {
        use TcpState::{Established, SynRecv, SynSent};
        let host = |name: &str, number: u8, ends| HostEnds {
            host: name.to_owned(),
            addresses: vec![[10, 0, 0, number].into()],
            ends,
        };
        let client = vec![
            end((1, 40_002), (2, 80), 3_000_000, SynSent),
            end((1, 40_001), (2, 80), 1_000_000, SynSent),
        ];
        let server = vec![
            end((2, 80), (1, 40_001), 2_000_000, Established),
            end((2, 80), (1, 40_002), 4_000_000, SynRecv),
            end((2, 80), (3, 40_001), 2_000_000, Established),
        ];
        let hosts = [host("client", 1, client), host("server", 2, server)];
        let mut observer = Observer::default();
        let shown = |observer: &Observer| {
            let lanes = lanes(&hosts, observer, 80).into_iter();
            lanes.map(|lane| format!("{} {}", lane.who, lane.host)).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&observer),
            [":40001 client", ":40001 server", ":40002 client", ":40002 server"]
        );
        observer.name(40_002, "bob");
        assert_eq!(shown(&observer), ["bob client", "bob server"]);
        let states = &lanes(&hosts, &observer, 80)[1].states;
        assert_eq!(*states, [(4.0, "SYN-RECV".to_owned()), (5.0, "gone".to_owned())]);
    }
}
