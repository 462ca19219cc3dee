//! Where the stories play: a client that sends, a server that only reads, and everything watched.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use netlab::clock::Moment;
use netlab::connection_watch::{ConnectionSample, ConnectionWatch};
use netlab::{Lab, Record, Rule, Tcp, TcpInfo, TcpSocket, Wire};
use serde_json::Value;

use crate::findings::{Series, Story};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::stage::{Actor, PORT, SOON, Server, Stage, Trouble, sockets, until};

/// Why a story is skipped where there is no wire.
pub(super) const WHY: &str = "nothing is lost on loopback: level L0 or L1";

/// The name of the rule that cuts the cable.
const CUT: &str = "cable cut";

/// A connection from `tcp-client` to a `tcp-server` that reads and says nothing.
pub(super) struct Scene {
    pub(super) client: Actor,
    pub(super) server: Server,
    /// The client's port.
    pub(super) port: u16,
    client_args: Vec<String>,
    delay: Duration,
    connection: ConnectionWatch,
    packets: Watch,
    // After the programs: they end before their hosts do.
    pub(super) lab: Lab,
}

/// What a story left behind.
pub(super) struct Played {
    pub(super) seen: Seen,
    /// The client's end of the connection, over time.
    pub(super) samples: Vec<ConnectionSample>,
    pub(super) observer: Observer,
    /// By how much the machine delivered a packet later than the link's delay, at most.
    pub(super) late: Duration,
}

impl Scene {
    /// Connects the two over a link with this delay, each way.
    pub(super) fn begin(
        stage: &Stage,
        lab: Lab,
        delay: Duration,
        client_args: &[&str],
    ) -> Result<Self, Trouble> {
        let wire = lab.wire().ok_or_else(|| Trouble::Recording("there is no wire".into()))?;
        wire.add(Rule::delay(name_of(delay), delay));
        let server = stage.server(
            &lab,
            "server",
            "tcp-server",
            PORT,
            &["--mode", "discard", "--idle", "0"],
        )?;
        let packets = Watch::begin(&lab, server.address.port())?;
        let mut command = Command::new(stage.programs.join("tcp-client"));
        command.args(["--format", "json", "--quiet"]).args(client_args);
        command.arg(server.address.to_string());
        let client = Actor::start(&lab, "client", "client", command)?;
        let port = client.local_port()?;
        let local = SocketAddr::new(lab.host("client").address().into(), port);
        let connection =
            ConnectionWatch::start(lab.host("client"), lab.clock(), local, server.address);
        server.actor.expect("open")?;
        let client_args = client_args.iter().map(|&arg| arg.to_owned()).collect();
        Ok(Self { client, server, port, client_args, delay, connection, packets, lab })
    }

    pub(super) fn wire(&self) -> &Wire {
        self.lab.wire().expect("a scene is begun on a lab with a wire")
    }

    pub(super) fn cut_cable(&self) {
        self.wire().add(Rule::cut(CUT));
    }

    pub(super) fn mend_cable(&self) {
        self.wire().remove(CUT);
    }

    /// Has the client send so many bytes, the end of the line included.
    pub(super) fn send(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.client.say(&"x".repeat(bytes - 1))
    }

    /// Waits until the wire has `count` packets of data from the client, lost ones included; at most for
    /// `limit` in all. Where a knob lets fewer come, the checks tell of those that came.
    pub(super) fn wait_for_sent(&self, count: usize, limit: Duration) {
        let deadline = Instant::now() + limit;
        let (port, wire) = (self.port, self.wire());
        let mut after = 0;
        for _ in 0..count {
            let is_next = |record: &Record| record.number > after && is_sent(record, port);
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(next) = wire.wait_for(left, is_next) else { return };
            after = next.number;
        }
    }

    /// The client's end of the connection, if its kernel still has it.
    pub(super) fn client_end(&self) -> Result<Option<TcpSocket>, Trouble> {
        let port = self.port;
        Ok(sockets(&self.lab, "client")?.into_iter().find(|socket| socket.local.port() == port))
    }

    /// What the client's kernel knows of the connection beyond its queues.
    pub(super) fn info(&self) -> Result<TcpInfo, Trouble> {
        let info = self.client_end()?.and_then(|socket| socket.info);
        info.ok_or_else(|| Trouble::program("the client's kernel", "has no connection"))
    }

    /// Waits until so many bytes are acknowledged, of all that were sent.
    pub(super) fn wait_for_acknowledged(&self, bytes: u64) -> Result<(), Trouble> {
        until(&format!("an acknowledgement of {bytes} bytes"), || {
            // The SYN counts as a byte.
            let acked = self.info()?.bytes_acked;
            Ok(acked.is_some_and(|acked| acked > bytes).then_some(()))
        })
    }

    /// Waits for the last event of the client, and when it came.
    pub(super) fn client_ends(&self, limit: Duration) -> Result<(Moment, Value), Trouble> {
        let ended = self.client.program.wait_for(limit, |line| {
            let event: Value = serde_json::from_str(&line.text).ok()?;
            (event["event"] == "end").then_some((line.at, event))
        });
        ended.ok_or_else(|| Trouble::program("tcp-client", "did not end"))
    }

    /// Ends the watches; what the story is about is filled in.
    pub(super) fn end(self, story: &mut Story, knobs: &[&str]) -> Result<Played, Trouble> {
        let Self { client, server, port, client_args, delay, connection, packets, lab } = self;
        let samples = connection.finish().map_err(Trouble::io("watch the connection"))?;
        let mut seen = packets.end(&lab)?;
        // Nobody waits to be accepted here.
        seen.queue.clear();
        let mut words = vec!["tcp-client".to_owned()];
        words.extend(client_args);
        words.push(server.address.to_string());
        story.set_up = vec![
            format!("server: tcp-server --mode discard --idle 0 {}", server.address),
            format!("client: {}", words.join(" ")),
        ];
        if !knobs.is_empty() {
            story.set_up.push(crate::observe::knobs(&lab, "client", knobs));
        }
        story.lifelines = lifelines(&lab, "client", "server", server.address.port());
        let mut observer = Observer::new(&seen.records);
        observer.name(port, "client");
        drop((client, server));
        let late = lateness(&seen.records, delay);
        Ok(Played { seen, samples, observer, late })
    }
}

impl Played {
    /// When the client sent data, lost or not, in the order in which it did.
    pub(super) fn sent(&self, port: u16) -> Vec<&Record> {
        self.seen.records.iter().filter(|record| is_sent(record, port)).collect()
    }

    /// A value of the client's end over time, `value` of the socket or of none once the kernel has forgotten it.
    pub(super) fn series(
        &self,
        says: &str,
        unit: &str,
        value: impl Fn(Option<&TcpSocket>) -> Option<f64>,
    ) -> Series {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for sample in &self.samples {
            let Some(value) = value(sample.socket.as_ref()) else { continue };
            if points.last().is_none_or(|(_, last)| last.to_bits() != value.to_bits()) {
                points.push((self.observer.millis(sample.at), value));
            }
        }
        Series { says: says.into(), unit: unit.into(), points }
    }

    /// What waits for an acknowledgement, over time.
    pub(super) fn send_queue(&self) -> Series {
        let says = "Send-Q of the client: what its kernel keeps";
        // What is forgotten is kept no more.
        self.series(says, "bytes", |socket| {
            Some(socket.map_or(0.0, |socket| socket.send_queue.into()))
        })
    }

    /// The retransmission timer over time.
    pub(super) fn timer(&self) -> Series {
        let says = "rto of the client: its retransmission timer";
        self.series(says, "ms", |socket| Some(millis(socket?.info?.rto)))
    }

    /// What the client's kernel kept at a moment.
    pub(super) fn kept_at(&self, moment: Moment) -> Option<u32> {
        let last = self.samples.iter().rev().find(|sample| sample.at <= moment)?;
        Some(last.socket.as_ref().map_or(0, |socket| socket.send_queue))
    }

    /// Puts all of it into the story.
    pub(super) fn put_into(self, story: &mut Story) {
        self.seen.put_into(story, &self.observer);
    }
}

/// The segment with data that a client sent from this port.
pub(super) fn data_of(record: &Record, port: u16) -> Option<&Tcp> {
    let tcp = record.packet.as_ref()?.tcp()?;
    (tcp.source_port == port && tcp.len > 0).then_some(tcp)
}

/// Whether a client's kernel sent data with it: what the wire doubled, it has not.
fn is_sent(record: &Record, port: u16) -> bool {
    record.copy_of.is_none() && data_of(record, port).is_some()
}

/// The name of the rule that makes the link's delay.
fn name_of(delay: Duration) -> String {
    format!("{} ms each way", delay.as_millis())
}

/// By how much packets were delivered later than their link's delay, at most.
fn lateness(records: &[Record], delay: Duration) -> Duration {
    let name = name_of(delay);
    let delayed = records.iter().filter(|record| record.rule.as_ref() == Some(&name));
    let took = delayed.filter_map(|record| Some(record.delivered()?.since(record.sent)));
    took.max().unwrap_or_default().saturating_sub(delay)
}

/// Seconds from one packet to another.
pub(super) fn between(first: &Record, second: &Record) -> f64 {
    second.sent.since(first.sent).as_secs_f64()
}

pub(super) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// A lab of a client and a server, where losses can be made.
pub(super) fn lab(stage: &Stage) -> Result<Option<Lab>, Trouble> {
    if !stage.level.has_namespaces() {
        return Ok(None);
    }
    stage.lab(&["client", "server"]).map(Some)
}

/// Long enough for the last of some tries that take a while by themselves.
pub(super) fn soon_after(time: Duration) -> Duration {
    time + SOON
}
