//! The same flood where the handshake is a program's own: forged first packets to `udp-peer`, and the cookie
//! that it asks for.

use std::net::SocketAddr;
use std::time::Duration;

use arq::limits::{COOKIE_FROM, HALF_OPEN_TIME};
use netlab::{Lab, Record, Rule};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::attack::NOBODYS;
use super::forged::{Flood, LEAST, PER_SECOND};
use crate::arq_packet::ArqPacket;
use crate::claims::measured;
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::reliable_pair::{start_receiver, start_sender};
use crate::scratch::Scratch;
use crate::stage::{Actor, Stage, Trouble, UDP_PORT, exit_in_words};

/// How much memory the flood may cost, in KiB: half of what it would be if so little were kept of each.
const MEMORY: u64 = LEAST as u64 / 2;

const CHECKS: [(&str, &str); 10] = [
    ("udp-cookies-answered", "forged first packets that are computed and answered"),
    ("udp-cookies-retries", "those that are answered with a Retry, or found no room in the socket"),
    ("udp-cookies-kept", "handshakes that are half-open at the end"),
    ("udp-cookies-counted", "cookies that udp-peer says it has given (its event handshakes)"),
    ("udp-cookies-memory", "KiB by which its memory grew during the flood"),
    ("udp-cookies-bytes", "bytes sent to forged senders, for each hundred received"),
    ("udp-cookies-before", "time to connect before the flood"),
    ("udp-cookies-during", "time to connect during the flood"),
    ("udp-cookies-way", "how the client got in"),
    ("udp-cookies-client", "what the two clients got"),
];

/// Plays the story; `so_far` are the checks of the demo, of which it takes TCP's side of the comparison.
pub(super) fn play(stage: &Stage, so_far: &[Check]) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "udp-cookies".into(),
        says: "the same flood against udp-peer, whose handshake and cookie are its own".into(),
        belief: "only a kernel can defend a server against a flood of forged requests".into(),
        explanation: vec![
            format!(
                "A first packet costs its receiver more than a SYN does: keys are computed for it, which takes \
                 some hundred microseconds, and what comes of that is kept for {} s. So it is bounded as the \
                 kernel bounds its pool: from {COOKIE_FROM} unfinished handshakes on, each further first packet \
                 is answered with a Retry, and nothing is computed or kept (crates/arq/src/endpoint/\
                 accepting.rs).",
                HALF_OPEN_TIME.as_secs()
            ),
            "A Retry holds a cookie: a keyed hash of the sender's address and of its number for the connection. \
             Who is where it says gets it, and sends the first packet again with the cookie in it. Who forged \
             its address never sees it."
                .into(),
            "A SYN cookie costs an honest client no round trip, because what it has to say comes back in the \
             segment that it sends anyway; but it has 32 bits only, so options get lost. A Retry costs one round \
             trip, and loses nothing."
                .into(),
            "A first packet has 1,200 bytes, whatever is in it, and no answer to one is longer: with a forged \
             sender nobody can have somebody else flooded."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server", "attacker"])?;
    let Some(wire) = lab.wire() else {
        let why = "a flood stays in a network of its own: level L0 or L1";
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok(story);
    };
    wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    lab.route_to_nobody("server", NOBODYS.0, NOBODYS.1).map_err(Trouble::io("add a route"))?;
    let homes = Scratch::new()?;
    let (mut server, to) = start_receiver(stage, &lab, UDP_PORT, &homes.path("server"))?;
    let watch = Watch::begin(&lab, UDP_PORT)?;

    let before = Visit::of(stage, &lab, to, &homes, "client 1")?;
    let memory = || server.program.family().map(|family| family.resident);
    let small = memory().map_err(Trouble::io("read the memory of udp-peer"))?;
    let flood = Flood::new(stage, &lab, to)?;
    let (during, forged) =
        flood.meanwhile(&lab, || Visit::of(stage, &lab, to, &homes, "client 2"))?;
    let large = memory().map_err(Trouble::io("read the memory of udp-peer"))?;
    server.program.signal(Signal::SIGTERM).map_err(Trouble::io("end udp-peer"))?;
    server.exit()?;
    let handshakes = server.expect("handshakes")?;
    let mut seen = watch.end(&lab)?;

    let crossed = Crossed::of(&lab, &seen);
    let visits = [before, during];
    let ways = visits.each_ref().map(|visit| Way::of(&seen.records, visit.port));
    let heard = server.events("message").len();
    let grown = large.saturating_sub(small) / 1024;
    story.checks = checks(&crossed, &handshakes, grown, &ways, &visits, heard);
    story.tables = vec![became(&crossed), beside(&crossed, &ways, so_far)];
    story.set_up = vec![
        format!("server: udp-peer recv --reliable {to}"),
        knobs(&lab, "server", &["net.core.rmem_max"]),
        format!(
            "attacker: {forged} first packets, {PER_SECOND} a second, each from another address of {}/{}, which \
             nobody has, at least {LEAST} and until client 2 is in",
            NOBODYS.0, NOBODYS.1
        ),
        format!("client: udp-peer send --reliable {to}, a line, before and during the flood"),
    ];
    story.lifelines = lifelines(&lab, "client", "server", to.port());
    let client = lab.host("client").id();
    seen.hide_where(|record| record.from != client && record.to != Some(client));
    story.not_drawn = Some(format!(
        "{forged} first packets of the attacker, and {} answers and {} Retries that udp-peer sent to nobody",
        crossed.answers, crossed.retries
    ));
    let mut observer = Observer::new(&seen.records);
    for visit in &visits {
        observer.name(visit.port, visit.actor.program.name());
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// An honest client: it sends a line and ends.
struct Visit {
    actor: Actor,
    port: u16,
    exit: Option<i32>,
}

impl Visit {
    fn of(
        stage: &Stage,
        lab: &Lab,
        to: SocketAddr,
        homes: &Scratch,
        name: &str,
    ) -> Result<Self, Trouble> {
        let (mut actor, port) = start_sender(stage, lab, (to, name), &homes.path("client"))?;
        actor.say("hello")?;
        actor.close_input();
        let exit = actor.exit()?;
        Ok(Self { actor, port, exit })
    }
}

/// What crossed between the server and those who do not exist.
#[derive(Clone, Copy, Debug, Default)]
struct Crossed {
    /// First packets that arrived.
    opens: usize,
    answers: usize,
    retries: usize,
    /// Those for honest clients included.
    all_retries: usize,
    /// Of the first packets, and of what was sent to their senders.
    bytes: [usize; 2],
    /// Datagrams for which the server's socket had no room.
    no_room: usize,
}

impl Crossed {
    fn of(lab: &Lab, seen: &Seen) -> Self {
        let (server, attacker) = (lab.host("server").id(), lab.host("attacker").id());
        let mut crossed = Self::default();
        for record in &seen.records {
            let Some(packet) = ArqPacket::of(record) else { continue };
            let is_forged = record.from == attacker && record.delivered().is_some();
            let is_to_nobody = record.from == server && record.to.is_none();
            let is_retry = packet == ArqPacket::Retry && record.copy_of.is_none();
            crossed.all_retries += usize::from(is_retry && record.from == server);
            match packet {
                ArqPacket::Open { .. } if is_forged => crossed.opens += 1,
                ArqPacket::Answer if is_to_nobody => crossed.answers += 1,
                ArqPacket::Retry if is_to_nobody => crossed.retries += 1,
                _ => continue,
            }
            crossed.bytes[usize::from(is_to_nobody)] += record.len;
        }
        let no_room = seen.moved("server", "UdpRcvbufErrors");
        crossed.no_room = usize::try_from(no_room).unwrap_or(0);
        crossed
    }

    /// Bytes that went out for each hundred that came in.
    fn in_a_hundred(&self) -> usize {
        self.bytes[1] * 100 / self.bytes[0].max(1)
    }
}

/// How an honest client got in.
#[derive(Clone, Debug, Default)]
struct Way {
    /// Kinds of the packets of the handshake, up to the Answer that arrives.
    packets: Vec<String>,
    /// Seconds until the Answer was there.
    seconds: Option<f64>,
}

impl Way {
    fn of(records: &[Record], port: u16) -> Self {
        let mut way = Self::default();
        let mut first = None;
        for record in records.iter().filter(|record| record.copy_of.is_none()) {
            let ports = record.packet.as_ref().and_then(netlab::Packet::ports);
            if !ports.is_some_and(|(from, to)| from == port || to == port) || record.to.is_none() {
                continue;
            }
            let Some(packet) = ArqPacket::of(record) else { continue };
            let first = *first.get_or_insert(record.sent);
            way.packets.push(packet.to_string().trim_start_matches("arq ").to_owned());
            if packet == ArqPacket::Answer
                && let Some(at) = record.delivered()
            {
                way.seconds = Some(at.since(first).as_secs_f64());
                break;
            }
        }
        way
    }

    fn in_words(&self) -> String {
        self.packets.join("; ")
    }

    fn millis(&self) -> String {
        self.seconds.map_or("never".to_owned(), |seconds| format!("{:.1} ms", seconds * 1e3))
    }
}

fn checks(
    crossed: &Crossed,
    handshakes: &Value,
    grown: u64,
    ways: &[Way; 2],
    visits: &[Visit; 2],
    heard: usize,
) -> Vec<Check> {
    let [answered, retries, kept, counted, memory, bytes, before, during, way, client] = CHECKS;
    let told = |what: &str| handshakes[what].as_u64().and_then(|n| usize::try_from(n).ok());
    let exits = visits.each_ref().map(|visit| exit_in_words(visit.exit));
    let rest = crossed.opens.saturating_sub(crossed.answers);
    vec![
        Check::equal(answered.0, answered.1, COOKIE_FROM, crossed.answers),
        Check::equal(retries.0, retries.1, rest, crossed.retries + crossed.no_room),
        Check::equal(kept.0, kept.1, COOKIE_FROM, told("half_open").unwrap_or(0)),
        Check::equal(counted.0, counted.1, crossed.all_retries, told("cookies").unwrap_or(0)),
        Check::within(memory.0, memory.1, 0..=MEMORY, grown),
        Check::within(bytes.0, bytes.1, 1..=20, crossed.in_a_hundred()),
        // A round trip is 10 ms; a machine that others use too may take a while for the keys.
        Check::seconds_until(before.0, before.1, 0.01..=0.5, ways[0].seconds),
        Check::seconds_until(during.0, during.1, 0.02..=1.5, ways[1].seconds),
        Check::equal(
            way.0,
            way.1,
            "Open; Retry; Open, cookie; Answer".to_owned(),
            ways[1].in_words(),
        ),
        Check::equal(
            client.0,
            client.1,
            "exit codes 0 and 0, 2 lines heard".to_owned(),
            format!("exit codes {} and {}, {heard} lines heard", exits[0], exits[1]),
        ),
    ]
}

/// What became of the forged first packets, in numbers.
fn became(crossed: &Crossed) -> Table {
    let rows = [
        ("forged, all that arrived", crossed.opens.to_string()),
        ("computed, answered and kept", crossed.answers.to_string()),
        ("answered with a Retry and forgotten", crossed.retries.to_string()),
        ("no room in the socket (UdpRcvbufErrors)", crossed.no_room.to_string()),
    ];
    Table {
        says: "what became of the flood".into(),
        columns: ["first packets", "number"].map(str::to_owned).to_vec(),
        rows: rows.map(|(what, number)| vec![what.to_owned(), number]).to_vec(),
    }
}

/// The two defences, as this run has seen them.
fn beside(crossed: &Crossed, ways: &[Way; 2], so_far: &[Check]) -> Table {
    let of_tcp = |id| measured(so_far, id).unwrap_or("not seen").to_owned();
    let row = |what: &str, tcp: String, udp: String| vec![what.to_owned(), tcp, udp];
    let rows = vec![
        row("kept of the flood", of_tcp("cookies-half-open"), crossed.answers.to_string()),
        row("answered with a cookie", of_tcp("cookies-sent"), crossed.retries.to_string()),
        row("the cookie", "32 bits, in the sequence number".into(), "16 bytes of its own".into()),
        row(
            "it comes back with",
            "the ACK that follows anyway".into(),
            "the first packet, again".into(),
        ),
        row(
            "what an honest client gets",
            of_tcp("cookies-client"),
            format!(
                "in after {}, and before the flood after {}",
                ways[1].millis(),
                ways[0].millis()
            ),
        ),
    ];
    Table {
        says: "a cookie of the kernel, and one of a program".into(),
        columns: ["", "SYN cookie", "arq's cookie"].map(str::to_owned).to_vec(),
        rows,
    }
}
