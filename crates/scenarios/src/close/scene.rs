//! A connection that is about to be closed, watched at both ends.

use std::net::SocketAddr;
use std::time::Duration;

use netlab::connection_watch::{ConnectionSample, ConnectionWatch};
use netlab::{Lab, Record, Rule, TcpState};

use crate::findings::{Story, Table};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{Actor, PORT, Server, Stage, Trouble, sockets, until};

/// Why a story is skipped where there is no wire.
pub(super) const WHY: &str = "needs a recording: level L0 or L1";

/// The delay of the link, each way, where the story does not say otherwise.
pub(super) const DELAY: Duration = Duration::from_millis(5);

/// Whether a tail is probed for before the timer of a retransmission runs out. It is off here: where a machine is
/// so busy that the answer to a FIN is 30 ms late, a probe repeats the FIN, and what that sets off at a host that
/// has forgotten the connection ends the TIME_WAIT that is to be shown.
const PROBES: &str = "net.ipv4.tcp_early_retrans";

/// A lab of two, with a wire of this delay each way; none where there is no wire.
pub(super) fn lab(stage: &Stage, delay: Duration) -> Result<Option<Lab>, Trouble> {
    if !stage.level.has_namespaces() {
        return Ok(None);
    }
    let lab = stage.lab(&["client", "server"])?;
    for host in ["client", "server"] {
        stage.turn_if_there(&lab, host, PROBES, "0")?;
    }
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay(format!("{} ms each way", delay.as_millis()), delay));
    }
    Ok(Some(lab))
}

/// A server that echoes, and closes when its client has.
pub(super) fn server(stage: &Stage, lab: &Lab, args: &[&str]) -> Result<Server, Trouble> {
    stage.server(lab, "server", "tcp-server", PORT, args)
}

/// A client that has said a word and read its echo.
pub(super) fn client(stage: &Stage, lab: &Lab, server: &Server) -> Result<Actor, Trouble> {
    let mut client = stage.client(lab, "client", "client", server.address, &[])?;
    client.say("hello")?;
    client.expect("data")?;
    Ok(client)
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
}

impl Ends {
    pub(super) fn of(lab: &Lab, client: &Actor, server: &Server) -> Result<Self, Trouble> {
        let address = lab.host("client").address().into();
        let client = SocketAddr::new(address, client.local_port()?);
        Ok(Self { client, server: server.address })
    }

    /// Whether a packet belongs to the connection.
    pub(super) fn are_of(self, record: &Record) -> bool {
        let ports = record.packet.as_ref().and_then(netlab::Packet::ports);
        ports.is_some_and(|(from, to)| from == self.client.port() || to == self.client.port())
    }

    /// Waits until each kernel has the connection in TIME_WAIT or not at all.
    pub(super) fn wait_for_the_end(self, lab: &Lab) -> Result<(), Trouble> {
        until("the end of the connection", || {
            let (client, server) = (self.client.port(), self.server.port());
            let mut ends = sockets(lab, "client")?;
            ends.extend(sockets(lab, "server")?);
            let is_of_it = |socket: &&netlab::TcpSocket| {
                let ports = (socket.local.port(), socket.remote.port());
                ports == (client, server) || ports == (server, client)
            };
            let goes_on = |socket: &netlab::TcpSocket| socket.state != TcpState::TimeWait;
            Ok((!ends.iter().filter(is_of_it).any(goes_on)).then_some(()))
        })
    }
}

/// What is watched while a connection ends.
pub(super) struct Watched {
    packets: Watch,
    client: ConnectionWatch,
    server: ConnectionWatch,
    ends: Ends,
}

/// What was seen of it.
pub(super) struct Ended {
    pub(super) seen: Seen,
    pub(super) client: Vec<ConnectionSample>,
    pub(super) server: Vec<ConnectionSample>,
    pub(super) ends: Ends,
    /// The packet that came too late and that the kernel dropped.
    pub(super) dropped: Option<usize>,
}

impl Watched {
    pub(super) fn begin(lab: &Lab, ends: Ends) -> Result<Self, Trouble> {
        let packets = Watch::begin(lab, ends.server.port())?;
        let watch = |host, local, remote| {
            ConnectionWatch::start(lab.host(host), lab.clock(), local, remote)
        };
        let client = watch("client", ends.client, ends.server);
        let server = watch("server", ends.server, ends.client);
        Ok(Self { packets, client, server, ends })
    }

    pub(super) fn end(self, lab: &Lab) -> Result<Ended, Trouble> {
        let Self { packets, client, server, ends } = self;
        let failed = || Trouble::io("watch the connection");
        let client = client.finish().map_err(failed())?;
        let server = server.finish().map_err(failed())?;
        let mut seen = packets.end(lab)?;
        // Nobody waits to be accepted here.
        seen.queue.clear();
        Ok(Ended { seen, client, server, ends, dropped: None })
    }
}

impl Ended {
    /// The segments of the close: from the first FIN on, data apart.
    pub(super) fn close(&self) -> Vec<&Record> {
        let of_it = self.seen.segments(|record, _| self.ends.are_of(record));
        let from = of_it.iter().position(|record| is_fin(record)).unwrap_or(of_it.len());
        let is_bare = |record: &&&Record| tcp(record).is_some_and(|tcp| tcp.len == 0);
        of_it[from..].iter().filter(is_bare).copied().collect()
    }

    /// The segments of the close in words: `client FIN, server FIN, client ACK`.
    pub(super) fn close_in_words(&self) -> String {
        let word = |record: &&Record| {
            let side = if self.is_clients(record) { "client" } else { "server" };
            format!("{side} {}", if is_fin(record) { "FIN" } else { "ACK" })
        };
        self.close().iter().map(word).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn is_clients(&self, record: &Record) -> bool {
        tcp(record).is_some_and(|tcp| tcp.source_port == self.ends.client.port())
    }

    /// The states that each kernel went through, as they were seen.
    pub(super) fn states(&self) -> Table {
        let row = |side: &str, samples: &[ConnectionSample]| {
            vec![side.to_owned(), states_in_words(samples)]
        };
        Table {
            says: "the states at both ends (looked at every 2 ms, less often where the machine is busy)".into(),
            columns: ["end", "states"].map(str::to_owned).to_vec(),
            rows: vec![row("client", &self.client), row("server", &self.server)],
        }
    }

    /// Puts all of it into the story, without the packets of other connections.
    pub(super) fn put_into(mut self, story: &mut Story, lab: &Lab) {
        let ends = self.ends;
        let others = self.seen.hide_where(|record| !ends.are_of(record));
        if others > 0 {
            story.not_drawn = Some(format!("{others} packets of earlier connections"));
        }
        story.set_up.extend(["client", "server"].map(|host| knobs(lab, host, &[PROBES])));
        story.lifelines = lifelines(lab, "client", "server", ends.server.port());
        let mut observer = Observer::new(&self.seen.records);
        observer.name(ends.client.port(), "client");
        let late = self.dropped.and_then(|number| {
            let record = self.seen.records.iter().find(|record| record.number == number)?;
            Some((number, observer.millis(record.delivered()?)))
        });
        if let Some((number, at_ms)) = late {
            observer.dropped_by_kernel(number, &too_late(at_ms));
        }
        self.seen.put_into(story, &observer);
    }
}

/// Why the kernel dropped a copy. It stands behind a cross or after words that say that it was dropped.
fn too_late(at_ms: f64) -> String {
    format!("old data, came at {at_ms:.0} ms")
}

/// The states of one end, one after the other: `ESTAB, FIN-WAIT-1, gone`.
pub(super) fn states_in_words(samples: &[ConnectionSample]) -> String {
    let mut states: Vec<String> = samples
        .iter()
        .map(|sample| sample.socket.as_ref().map_or("gone".into(), |s| s.state.to_string()))
        .collect();
    states.dedup();
    states.join(", ")
}

pub(super) fn tcp(record: &Record) -> Option<&netlab::Tcp> {
    record.packet.as_ref().and_then(|packet| packet.tcp())
}

pub(super) fn is_fin(record: &Record) -> bool {
    tcp(record).is_some_and(|tcp| tcp.flags.fin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Fate, PacketLine};
    use crate::ladder;
    use crate::look::Look;

    #[test]
    fn a_late_copy_is_once_said_to_be_dropped() {
        let packet = PacketLine {
            number: 9,
            from: 1,
            sent_ms: 23.0,
            arrived_ms: Some(525.2),
            who: "client".into(),
            ports: (7878, 40_001),
            label: "PSH, ACK, copy".into(),
            len: 6,
            retry: 0,
            fate: Fate::DroppedByKernel(too_late(525.2)),
            tcp: None,
        };
        let story = Story {
            lifelines: vec!["client 10.0.0.1".into(), "server 10.0.0.2:7878".into()],
            packets: vec![packet],
            ..Story::default()
        };
        let listed = ladder::list(&story, None);
        let dropped = "PSH, ACK, copy 6 B, dropped by the kernel: old data, came at 525 ms\n";
        assert!(listed.ends_with(dropped), "{listed}");
        let drawn = ladder::draw(&story, Look::default());
        assert!(drawn.contains("✗◄─"), "{drawn}");
        assert!(drawn.ends_with("│ old data, came at 525 ms\n"), "{drawn}");
    }
}
