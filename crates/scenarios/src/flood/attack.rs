//! A server, an honest client, and an attacker whose requests bear addresses that nobody has.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

use netlab::clock::Moment;
use netlab::inject::{Limits, Segment};
use netlab::{Counters, Lab, Rule, SocketWatch, TcpState};

use crate::findings::{Check, Series, Story};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{Actor, PORT, SOON, Server, Stage, Trouble, sockets_in, until};

/// Requests of a flood: many times what the pool holds, and few for any machine.
pub(super) const FORGED: u32 = 200;

/// How fast they come. All are there before the server has asked anybody a second time.
const PER_SECOND: u32 = 4_000;

const BACKLOG: usize = 8;

/// How many half-open connections that backlog allows. Kernels differ by one: the comparison has been >=
/// and is > now.
pub(super) const POOL: RangeInclusive<usize> = BACKLOG..=BACKLOG + 1;

/// Addresses for measurements between networks, which no machine has (RFC 2544).
pub(super) const NOBODYS: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 18, 0, 0), 15);

/// How often the kernel sends its SYN, ACK again for the oldest of a pool that is more than half full
/// (`reqsk_timer_handler`).
const TRIES_LEFT: u32 = 2;

pub(super) const GIVES_UP: (&str, &str) =
    ("no-cookies-gives-up", "time until what is more than half of the pool is given up");

/// The value of `tcp_syncookies` with which there are none.
pub(super) const NO_COOKIES: &str = "0";

/// How long the honest client tries: three times, on kernels since 6.5.
const PATIENCE: &str = "2500ms";

/// Where a flood is played.
pub(super) struct Scene {
    pub(super) lab: Lab,
    pub(super) server: Server,
    watch: Watch,
    half_open: SocketWatch<usize>,
    set_up: Vec<String>,
}

/// What the server's kernel did with the flood.
pub(super) struct Aftermath {
    /// Requests that it keeps.
    pub(super) half_open: usize,
    begun: Moment,
    counters: Counters,
}

/// What an honest client got.
pub(super) struct Visit {
    pub(super) actor: Actor,
    /// `served`, or the kind of its error.
    pub(super) outcome: String,
    /// How long connecting took.
    pub(super) seconds: Option<f64>,
}

impl Scene {
    /// The scene with this value of `tcp_syncookies`; or why there cannot be one.
    pub(super) fn open(
        stage: &Stage,
        cookies: &str,
    ) -> Result<Result<Self, &'static str>, Trouble> {
        let lab = stage.lab(&["client", "server", "attacker"])?;
        let Some(wire) = lab.wire() else {
            return Ok(Err("a flood stays in a network of its own: level L0 or L1"));
        };
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
        lab.route_to_nobody("server", NOBODYS.0, NOBODYS.1).map_err(Trouble::io("add a route"))?;
        let has_cookies =
            stage.turn_if_there(&lab, "server", "net.ipv4.tcp_syncookies", cookies)?;
        if !has_cookies && cookies != NO_COOKIES {
            return Ok(Err("this kernel was built without SYN cookies (CONFIG_SYN_COOKIES)"));
        }
        let backlog = BACKLOG.to_string();
        let args = ["--mode", "lines", "--backlog", &backlog, "--idle", "0"];
        let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
        let watch = Watch::begin(&lab, PORT)?;
        let half_open = SocketWatch::start(lab.host("server"), lab.clock(), |sockets| {
            sockets.iter().filter(|socket| socket.state == TcpState::SynRecv).count()
        });
        let (network, prefix) = NOBODYS;
        let set_up = vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            knobs(&lab, "server", &["net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog"]),
            format!(
                "attacker: {FORGED} SYNs in {} ms, each from another address of {network}/{prefix}, which nobody has",
                FORGED * 1000 / PER_SECOND
            ),
            format!("client: tcp-client -w {PATIENCE}, when they have come"),
            format!(
                "dmesg of this machine may say: Possible SYN flooding on port {}. It is this flood, which cannot leave the lab",
                server.address
            ),
        ];
        Ok(Ok(Self { lab, server, watch, half_open, set_up }))
    }

    /// Sends the flood, and reads what became of it.
    pub(super) fn flood(&self) -> Result<Aftermath, Trouble> {
        let read = || self.lab.host("server").counters().map_err(Trouble::io("read the counters"));
        let before = read()?;
        let limits = Limits { frames: FORGED, per_second: PER_SECOND };
        let injector = self.lab.injector("attacker", "server", limits);
        let mut injector = injector.map_err(Trouble::io("send frames past the sockets"))?;
        let begun = self.lab.clock().now();
        let to = SocketAddrV4::new(self.lab.host("server").address(), self.server.address.port());
        for number in 1..=FORGED {
            let address = Ipv4Addr::from_bits(NOBODYS.0.to_bits() + number);
            let from = SocketAddrV4::new(address, 1024);
            let syn = Segment { from, to, sequence: number, acknowledgement: None };
            injector.send(syn).map_err(Trouble::io("send a forged request"))?;
        }
        let arrived = self.arrived_of_the_flood()?;
        let counters = until("all of the flood at the server", || {
            let moved = read()?.since(&before);
            Ok((moved.get("TcpInSegs").unwrap_or(0) >= arrived).then_some(moved))
        })?;
        let half_open = self.half_open_now()?;
        Ok(Aftermath { half_open, begun, counters })
    }

    /// How many of the forged requests the wire has delivered, when it has seen them all.
    fn arrived_of_the_flood(&self) -> Result<i64, Trouble> {
        let attacker = self.lab.host("attacker").id();
        let wire = self.lab.wire().expect("a flood has a wire");
        let forged = || wire.records().into_iter().filter(|record| record.from == attacker);
        until("all of the flood on the wire", || {
            let sent = forged().filter(|record| record.copy_of.is_none()).count();
            Ok((sent >= FORGED as usize).then_some(()))
        })?;
        wire.settle(SOON);
        let arrived = forged().filter(|record| record.delivered().is_some()).count();
        Ok(i64::try_from(arrived).unwrap_or(i64::MAX))
    }

    fn half_open_now(&self) -> Result<usize, Trouble> {
        sockets_in(&self.lab, "server", TcpState::SynRecv)
    }

    /// How many seconds after the flood began the server has given up what is more than half of the pool:
    /// waited for, or computed from its knob.
    pub(super) fn gives_up_after(
        &self,
        stage: &Stage,
        flood: &Aftermath,
    ) -> Result<Check, Trouble> {
        let (id, says) = GIVES_UP;
        if stage.full {
            until("a pool that is half empty again", || {
                Ok((self.half_open_now()? <= BACKLOG / 2).then_some(()))
            })?;
            let took = self.lab.clock().now().since(flood.begun).as_secs_f64();
            return Ok(Check::seconds(id, says, 6.5..=9.5, took));
        }
        let retries = self.lab.host("server").sysctl("net.ipv4.tcp_synack_retries");
        let retries = retries.map_err(Trouble::io("read a knob"))?.parse().unwrap_or(TRIES_LEFT);
        // A second after the first SYN, ACK, two after the second, four after the third.
        let seconds = (1_u32 << (retries.min(TRIES_LEFT) + 1)) - 1;
        Ok(Check::seconds(id, says, 6.5..=9.5, f64::from(seconds)).computed())
    }

    /// An honest client comes, says a word and waits for the reply.
    pub(super) fn visit(&self, stage: &Stage, name: &str) -> Result<Visit, Trouble> {
        let mut command = Command::new(stage.programs.join("tcp-client"));
        command.args(["--format", "json", "-w", PATIENCE]).arg(self.server.address.to_string());
        let mut actor = Actor::start(&self.lab, "client", name, command)?;
        actor.say("hello")?;
        if actor.event(SOON, "data").is_some() {
            let seconds = actor.expect("connected")?["seconds"].as_f64();
            return Ok(Visit { actor, outcome: "served".into(), seconds });
        }
        let end = actor.expect("end")?;
        let outcome = end["error"]["kind"].as_str().unwrap_or("no reply").to_owned();
        Ok(Visit { actor, outcome, seconds: None })
    }

    /// Ends the scene and puts into the story what was seen, without the packets of the flood. Gives back how
    /// many cookies came back to the server and were good.
    pub(super) fn put_into(self, story: &mut Story, visits: &[Visit]) -> Result<i64, Trouble> {
        let half_open = self.half_open.finish().map_err(Trouble::io("read the sockets"))?;
        let mut seen = self.watch.end(&self.lab)?;
        let mut observer = Observer::new(&seen.records);
        let client = self.lab.host("client").id();
        let hidden = seen.hide_where(|record| record.from != client && record.to != Some(client));
        name_clients(&mut observer, &seen, visits)?;
        let answers = hidden.saturating_sub(FORGED as usize);
        story.set_up = self.set_up;
        story.lifelines = lifelines(&self.lab, "client", "server", self.server.address.port());
        story.not_drawn = Some(format!(
            "{FORGED} SYNs of the attacker and {answers} SYN, ACKs that the server sent to nobody"
        ));
        story.series.push(series(&observer, half_open.changes));
        let returned = seen.moved("server", "TcpExtSyncookiesRecv");
        seen.put_into(story, &observer);
        // Nobody waits in it: the program accepts at once.
        story.queue.clear();
        Ok(returned)
    }
}

/// Names the served clients by their ports, and says of the SYNs of the others that nobody has answered
/// what became of them.
fn name_clients(observer: &mut Observer, seen: &Seen, visits: &[Visit]) -> Result<(), Trouble> {
    let mut named = Vec::new();
    for visit in visits.iter().filter(|visit| visit.seconds.is_some()) {
        named.push(visit.actor.local_port()?);
        observer.name(visit.actor.local_port()?, visit.actor.program.name());
    }
    let is_answer = |tcp: &netlab::Tcp| tcp.flags.syn && tcp.flags.ack || tcp.flags.rst;
    let receiver = |record: &&netlab::Record| record.packet.as_ref()?.ports().map(|(_, to)| to);
    let answers = seen.segments(|_, tcp| is_answer(tcp));
    let answered: Vec<u16> = answers.iter().filter_map(receiver).collect();
    for syn in seen.segments(|_, tcp| tcp.flags.is_first_syn()) {
        let Some((port, _)) = syn.packet.as_ref().and_then(netlab::Packet::ports) else { continue };
        if named.contains(&port) {
            continue;
        }
        observer.name(port, "client");
        if !answered.contains(&port) && syn.delivered().is_some() {
            observer.dropped_by_kernel(syn.number, "no reply: pool full");
        }
    }
    Ok(())
}

impl Aftermath {
    /// How much a counter of the server moved by the flood.
    pub(super) fn moved(&self, counter: &str) -> i64 {
        self.counters.get(counter).unwrap_or(0)
    }
}

fn series(observer: &Observer, changes: Vec<(Moment, usize)>) -> Series {
    let point = |(at, count): (Moment, usize)| {
        (observer.millis(at), f64::from(u32::try_from(count).unwrap_or(u32::MAX)))
    };
    Series {
        says: "half-open connections of the server over time (ss -tan state syn-recv)".into(),
        unit: "connections".into(),
        points: changes.into_iter().map(point).collect(),
    }
}
