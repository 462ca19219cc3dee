//! One way to go, played on a lab of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use netlab::{Lab, Record, Rule, Verdict};

use crate::findings::{Check, Outcome, Story};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{PORT, Stage, Trouble};

use super::others::{self, Others, Served};
use super::scene::{Scene, Went};

/// What is done to the client, or by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Close,
    Kill,
    KillUnread,
    Reset,
    Destroy,
    SendOn,
    Cut,
    CutKeepalive,
    Reboot,
}

/// A way to go and what it should look like.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) belief: &'static str,
    pub(super) act: Act,
    /// The segment that ends the connection.
    pub(super) wire: &'static str,
    /// The name of the ending that tcp-server gives; `nothing` where it sees none.
    pub(super) ending: &'static str,
    /// A counter that moves: whose, which, and by how much.
    pub(super) counter: Option<(&'static str, &'static str, i64)>,
    pub(super) explanation: &'static str,
}

/// What was seen of a row.
#[derive(Clone, Debug)]
pub(super) struct Saw {
    /// What ended the connection on the wire, where there is one to see.
    pub(super) wire: Option<String>,
    pub(super) ending: String,
    pub(super) others: String,
}

impl Act {
    /// The delay of the link, each way.
    const fn delay(self) -> Duration {
        match self {
            // The client is stopped between its question and the answer, which takes this long twice.
            Self::KillUnread => Duration::from_millis(100),
            _ => Duration::from_millis(5),
        }
    }

    /// Why the act is not played on a loopback, if it is not.
    const fn needs(self) -> Option<&'static str> {
        match self {
            Self::KillUnread | Self::Cut | Self::CutKeepalive | Self::Reboot => {
                Some("needs a wire: level L0 or L1")
            }
            Self::Destroy => Some("needs a host of its own: level L0 or L1"),
            Self::Close | Self::Kill | Self::Reset | Self::SendOn => None,
        }
    }

    const fn server_args(self) -> &'static [&'static str] {
        match self {
            Self::SendOn => &["--idle", "300ms"],
            Self::CutKeepalive => &["--idle", "0", "--keepalive", "1s"],
            _ => &["--idle", "0"],
        }
    }

    pub(super) const fn client_args(self) -> &'static [&'static str] {
        match self {
            Self::Reset => &["--on-eof", "close", "--on-close", "reset"],
            _ => &[],
        }
    }
}

impl Row {
    /// Plays the row; what was seen is missing where this machine cannot show it.
    pub(super) fn play(&self, stage: &Stage) -> Result<(Story, Option<Saw>), Trouble> {
        if let Some(why) = self.act.needs().filter(|_| !stage.level.has_namespaces()) {
            return Ok((self.skipped(why), None));
        }
        let lab = stage.lab(&["client", "server", "other"])?;
        if let Some(wire) = lab.wire() {
            let delay = self.act.delay();
            wire.add(Rule::delay(format!("{} ms each way", delay.as_millis()), delay));
        }
        let args = self.act.server_args();
        let server = stage.server(&lab, "server", "tcp-server", PORT, args)?;
        let watch = Watch::begin(&lab, server.address.port())?;
        let others = Others::start(stage, &lab, &server)?;
        let went = match (Scene { stage, lab: &lab, server: &server }).go(self.act) {
            Err(Trouble::Io { error, .. }) if error.kind() == io::ErrorKind::Unsupported => {
                let why = "this kernel was built without SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)";
                return Ok((self.skipped(why), None));
            }
            went => went?,
        };
        let others = others.stop()?;
        let seen = watch.end(&lab)?;

        let mut story = Story { set_up: self.set_up(server.address), ..self.story() };
        if self.act == Act::CutKeepalive {
            story.set_up.push(knobs(&lab, "server", &["net.ipv4.tcp_keepalive_time"]));
        }
        story.lifelines = lifelines(&lab, "client", "server", server.address.port());
        let saw = Saw {
            wire: lab.wire().is_some().then(|| last_word(&lab, &seen, self.act)),
            ending: went.ending.clone(),
            others: others.to_string(),
        };
        let Went { port, checks, .. } = went;
        story.checks = self.checks(&lab, &saw, &seen);
        story.checks.extend(checks);
        story.explanation = vec![self.explain(&story.checks)];
        story.checks.push(self.served(&others));
        draw(&lab, seen, port, &mut story);
        Ok((story, Some(saw)))
    }

    fn story(&self) -> Story {
        Story {
            name: self.name.into(),
            says: self.says.into(),
            belief: self.belief.into(),
            ..Story::default()
        }
    }

    fn skipped(&self, why: &str) -> Story {
        let skip = |(part, says): (_, &str)| Check::skipped(&self.id(part), says, why);
        Story { checks: [WIRE, ENDING, OTHERS].map(skip).to_vec(), ..self.story() }
    }

    fn set_up(&self, server: SocketAddr) -> Vec<String> {
        let client = match self.act {
            Act::SendOn => "a socket that ignores the end of the stream".into(),
            Act::Destroy => {
                format!("tcp-client {server}, whose connection is then destroyed as by ss -K")
            }
            act => {
                let args = act.client_args().join(" ");
                format!("tcp-client {args}{}{server}", if args.is_empty() { "" } else { " " })
            }
        };
        vec![
            format!("server: tcp-server {} {server}", self.act.server_args().join(" ")),
            format!("client: {client}"),
            format!(
                "other:  tcp-client, {} times; each asks every 20 ms and waits for its answer",
                others::CLIENTS
            ),
        ]
    }

    /// What is said of the row: why it was so, or, where it was not as expected, in what.
    fn explain(&self, checks: &[Check]) -> String {
        let wrong = checks.iter().filter(|check| check.outcome == Outcome::Failed);
        let wrong: Vec<String> = wrong
            .map(|Check { says, expected, measured, .. }| {
                format!("{says}: {measured}, and not {expected}")
            })
            .collect();
        if !wrong.is_empty() {
            return format!("This time it was not as on most systems. {}.", wrong.join("; "));
        }
        let measured = |part: &str| {
            let is_it = |check: &&Check| check.id == self.id(part);
            checks.iter().find(is_it).map_or("", |check| &check.measured)
        };
        self.explanation.replace("{probes}", measured("probes")).replace("{time}", measured("time"))
    }

    fn id(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    fn checks(&self, lab: &Lab, saw: &Saw, seen: &Seen) -> Vec<Check> {
        let why = "needs a recording: level L0 or L1";
        let mut checks = vec![
            match &saw.wire {
                Some(wire) => Check::equal(&self.id(WIRE.0), WIRE.1, self.wire, wire),
                None => Check::skipped(&self.id(WIRE.0), WIRE.1, why),
            },
            Check::equal(&self.id(ENDING.0), ENDING.1, self.ending, &saw.ending),
        ];
        if let Some((host, counter, by)) = self.counter {
            let (id, says) = (self.id("counter"), format!("{counter} of the {host}"));
            checks.push(if lab.wire().is_some() {
                Check::equal(&id, &says, by, seen.moved(host, counter))
            } else {
                Check::skipped(&id, &says, "needs counters of its own: level L0 or L1")
            });
        }
        if self.act == Act::CutKeepalive {
            let (id, says) = (self.id("probes"), "probes that the cut cable swallowed");
            checks.push(Check::equal(&id, says, 3, probes_into_the_void(lab, seen)));
        }
        checks
    }

    /// A check that the others were served while it was played.
    fn served(&self, others: &Served) -> Check {
        let limit = others.limit(self.act.delay() * 2);
        let expected = format!("all, within {:.1} s", limit.as_secs_f64());
        let ok = others.are_served(limit);
        Check::new(&self.id(OTHERS.0), OTHERS.1, expected, others.to_string(), ok)
    }
}

/// How many segments of the server without data were lost. `TcpExtTCPKeepAlive` counts those that were
/// answered too: of another client, where a busy machine lets it be silent for a second.
fn probes_into_the_void(lab: &Lab, seen: &Seen) -> usize {
    let server = lab.host("server").id();
    let is_lost = |record: &Record| record.from == server && record.verdict == Verdict::Dropped;
    seen.segments(|record, tcp| is_lost(record) && !tcp.flags.rst && tcp.len == 0).len()
}

const WIRE: (&str, &str) = ("wire", "what ends the connection on the wire");

const ENDING: (&str, &str) = ("ending", "what tcp-server says of it");

const OTHERS: (&str, &str) = ("others", "questions of the other clients answered meanwhile");

/// Puts what was seen into the story, without the packets of the other clients.
fn draw(lab: &Lab, mut seen: Seen, port: u16, story: &mut Story) {
    story.not_drawn = seen.hide(lab.host("other"), "the other clients");
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "client");
    seen.put_into(story, &observer);
}

/// The segment that ended the connection: the first FIN or RST that arrived.
fn last_word(lab: &Lab, seen: &Seen, act: Act) -> String {
    let (client, server) = (lab.host("client").id(), lab.host("server").id());
    let speaker = if act == Act::SendOn { server } else { client };
    let ends = seen.segments(|record, tcp| {
        let between = record.from == speaker && [Some(client), Some(server)].contains(&record.to);
        // The server's own FIN comes first where it has closed; its RST is the last word.
        let last = tcp.flags.rst || (tcp.flags.fin && act != Act::SendOn);
        between && last && record.delivered().is_some()
    });
    let first = ends.first().and_then(|record| record.packet.as_ref()).and_then(|p| p.tcp());
    let word = match first {
        Some(tcp) if tcp.flags.rst => "RST",
        Some(_) => "FIN",
        None => "nothing",
    };
    if act == Act::SendOn { format!("{word} from the server") } else { word.to_owned() }
}
