//! One way to go, played on a lab of its own.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use netlab::{Lab, Record, Rule, TcpSocket, TcpState, Verdict};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{Actor, PORT, SOON, Server, Stage, Trouble, sockets, until};

use super::others::{Others, Served};

/// How long a silence is watched.
const SILENCE: Duration = Duration::from_secs(2);

/// Another client that waits longer than this for an answer is not served as before. One that waits for
/// somebody who is gone would wait for ever; a busy machine makes it wait for a second.
const SERVED_WITHIN: Duration = Duration::from_secs(3);

/// What is done to the client, or by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Close,
    Kill,
    KillUnread,
    Reset,
    SendOn,
    Cut,
    CutKeepalive,
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
    pub(super) wire: String,
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

    const fn needs_wire(self) -> bool {
        matches!(self, Self::KillUnread | Self::Cut | Self::CutKeepalive)
    }

    const fn server_args(self) -> &'static [&'static str] {
        match self {
            Self::SendOn => &["--idle", "300ms"],
            Self::CutKeepalive => &["--idle", "0", "--keepalive", "1s"],
            _ => &["--idle", "0"],
        }
    }

    const fn client_args(self) -> &'static [&'static str] {
        match self {
            Self::Reset => &["--on-eof", "close", "--on-close", "reset"],
            _ => &[],
        }
    }
}

impl Row {
    /// Plays the row; what was seen is missing where this machine cannot show it.
    pub(super) fn play(&self, stage: &Stage) -> Result<(Story, Option<Saw>), Trouble> {
        let mut story = Story {
            name: self.name.into(),
            says: self.says.into(),
            belief: self.belief.into(),
            explanation: vec![self.explanation.into()],
            ..Story::default()
        };
        if self.act.needs_wire() && !stage.level.has_namespaces() {
            let why = "needs a wire: level L0 or L1";
            let skip = |(part, says): (_, &str)| Check::skipped(&self.id(part), says, why);
            story.checks = [WIRE, ENDING, OTHERS].map(skip).to_vec();
            return Ok((story, None));
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
        let scene = Scene { stage, lab: &lab, server: &server };
        let mut went = scene.go(self.act)?;
        let others = others.stop()?;
        let seen = watch.end(&lab)?;

        story.set_up = vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            match self.act {
                Act::SendOn => "client: a socket that ignores the end of the stream".into(),
                act => {
                    let args = act.client_args().join(" ");
                    format!(
                        "client: tcp-client {args}{}{}",
                        if args.is_empty() { "" } else { " " },
                        server.address
                    )
                }
            },
            "other:  tcp-client, which asks every 20 ms and waits for the answer".into(),
        ];
        if self.act == Act::CutKeepalive {
            story.set_up.push(knobs(&lab, "server", &["net.ipv4.tcp_keepalive_time"]));
        }
        story.lifelines = lifelines(&lab, "client", "server", server.address.port());
        let saw = Saw {
            wire: last_word(&lab, &seen, self.act),
            ending: went.ending.clone(),
            others: others.to_string(),
        };
        story.checks = self.checks(&lab, &saw, &seen, others);
        story.checks.append(&mut went.checks);
        draw(&lab, seen, went.port, &mut story);
        Ok((story, Some(saw)))
    }

    fn id(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    fn checks(&self, lab: &Lab, saw: &Saw, seen: &Seen, others: Served) -> Vec<Check> {
        let mut checks = Vec::new();
        let why = "needs a recording: level L0 or L1";
        checks.push(if lab.wire().is_some() {
            Check::equal(&self.id(WIRE.0), WIRE.1, self.wire, &saw.wire)
        } else {
            Check::skipped(&self.id(WIRE.0), WIRE.1, why)
        });
        checks.push(Check::equal(&self.id(ENDING.0), ENDING.1, self.ending, &saw.ending));
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
            checks.push(if lab.wire().is_some() {
                Check::equal(&id, says, 3, probes_into_the_void(lab, seen))
            } else {
                Check::skipped(&id, says, why)
            });
        }
        let expected = format!("all, within {} s", SERVED_WITHIN.as_secs_f64());
        let ok = others.all_answered() && others.longest <= SERVED_WITHIN;
        checks.push(Check::new(&self.id(OTHERS.0), OTHERS.1, expected, others.to_string(), ok));
        checks
    }
}

/// How many segments of the server without data were lost. `TcpExtTCPKeepAlive` counts those that were
/// answered too: of the other client, where a busy machine lets it be silent for a second.
fn probes_into_the_void(lab: &Lab, seen: &Seen) -> usize {
    let server = lab.host("server").id();
    let is_lost = |record: &Record| record.from == server && record.verdict == Verdict::Dropped;
    seen.segments(|record, tcp| is_lost(record) && !tcp.flags.rst && tcp.len == 0).len()
}

const WIRE: (&str, &str) = ("wire", "what ends the connection on the wire");

const ENDING: (&str, &str) = ("ending", "what tcp-server says of it");

const OTHERS: (&str, &str) = ("others", "questions of another client answered meanwhile");

/// Puts what was seen into the story, without the packets of the other client.
fn draw(lab: &Lab, mut seen: Seen, port: Option<u16>, story: &mut Story) {
    story.not_drawn = seen.hide(lab.host("other"), "the other client");
    let mut observer = Observer::new(&seen.records);
    if let Some(port) = port {
        observer.name(port, "client");
    }
    seen.put_into(story, &observer);
}

/// How it went.
struct Went {
    /// The ending that tcp-server gives, or `nothing`.
    ending: String,
    /// The port that the client talked from.
    port: Option<u16>,
    /// What only this act measures.
    checks: Vec<Check>,
}

/// Where an act is played.
struct Scene<'a> {
    stage: &'a Stage,
    lab: &'a Lab,
    server: &'a Server,
}

impl Scene<'_> {
    fn go(&self, act: Act) -> Result<Went, Trouble> {
        match act {
            Act::SendOn => self.send_on(),
            Act::Cut => self.cut(SILENCE),
            Act::CutKeepalive => self.cut(SOON),
            Act::KillUnread => self.kill_unread(),
            Act::Close | Act::Kill | Act::Reset => {
                let mut client = self.client_with_echo(act.client_args())?;
                match act {
                    Act::Kill => kill(&mut client)?,
                    _ => client.close_input(),
                }
                self.closed(client.local_port()?)
            }
        }
    }

    fn client(&self, args: &[&str]) -> Result<Actor, Trouble> {
        self.stage.client(self.lab, "client", "client", self.server.address, args)
    }

    /// A client that has said a word and read its echo.
    fn client_with_echo(&self, args: &[&str]) -> Result<Actor, Trouble> {
        let mut client = self.client(args)?;
        client.say("hello")?;
        client.expect("data")?;
        Ok(client)
    }

    /// The client is stopped before the answer arrives, and killed when it lies unread in its socket.
    fn kill_unread(&self) -> Result<Went, Trouble> {
        let mut client = self.client(&[])?;
        let port = client.local_port()?;
        client.say("hello")?;
        let wire = self.lab.wire().expect("this act is played only where there is a wire");
        let asked = |record: &Record| {
            let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
            tcp.is_some_and(|tcp| tcp.source_port == port && tcp.len > 0)
        };
        wire.wait_for(SOON, asked).ok_or_else(|| Trouble::program("client", "asked nothing"))?;
        client.program.stop().map_err(Trouble::io("stop the client"))?;
        until("an answer that nobody reads", || {
            let sockets = sockets(self.lab, "client")?;
            let unread = |s: &TcpSocket| s.local.port() == port && s.receive_queue > 0;
            Ok(sockets.iter().any(unread).then_some(()))
        })?;
        kill(&mut client)?;
        self.closed(port)
    }

    /// A socket that does what our client does not: it takes the end of the stream for nothing.
    fn send_on(&self) -> Result<Went, Trouble> {
        let address = self.server.address;
        let failed = || Trouble::io("talk to the server");
        let connect = move || -> io::Result<TcpStream> {
            let socket = TcpStream::connect(address)?;
            socket.set_read_timeout(Some(SOON))?;
            Ok(socket)
        };
        let mut socket = self.lab.host("client").run(connect).map_err(failed())?;
        let port = socket.local_addr().map_err(failed())?.port();
        let end = socket.read(&mut [0; 64]).map_err(failed())?;
        let first = socket.write(b"is anybody there?").map_err(failed())?;
        // The RST is on its way; only the kernel knows when it has arrived.
        let error = until("the reset", || {
            let client = sockets(self.lab, "client")?;
            let is_it = |s: &TcpSocket| s.local.port() == port && s.remote == address;
            let gone = !client.iter().any(is_it);
            Ok(gone.then(|| socket.write(b"hello?").err()))
        })?;
        let second = error.and_then(|error| error.raw_os_error()).map(nix::errno::Errno::from_raw);
        let mut went = self.closed(port)?;
        let second = second.map_or("no error".to_owned(), |errno| format!("{errno:?}"));
        went.checks = vec![
            Check::equal("late-sender-read", "bytes that the client reads first: the end", 0, end),
            Check::equal("late-sender-first", "bytes that its first send takes", 17, first),
            Check::equal("late-sender-second", "its next send", "EPIPE".to_owned(), second),
        ];
        Ok(went)
    }

    /// The cable is cut and the client is killed behind it; the server is watched for at most `limit`.
    fn cut(&self, limit: Duration) -> Result<Went, Trouble> {
        let mut client = self.client_with_echo(&[])?;
        let port = client.local_port()?;
        // With an answer under way that nobody acknowledges, the kernel sends that again in place of
        // keepalive probes (tcp_keepalive_timer).
        until("an answer that is acknowledged", || {
            let sockets = sockets(self.lab, "server")?;
            let acknowledged = |s: &TcpSocket| s.remote.port() == port && s.send_queue == 0;
            Ok(sockets.iter().any(acknowledged).then_some(()))
        })?;
        let wire = self.lab.wire().expect("this act is played only where there is a wire");
        let host = self.lab.host("client").id();
        wire.add(Rule::cut("cable cut").from(host));
        wire.add(Rule::cut("cable cut").to(host));
        kill(&mut client)?;
        let start = self.lab.clock().now();
        let Some(closed) = self.closed_event(port, limit) else {
            let standing = sockets(self.lab, "server")?
                .iter()
                .any(|s| s.remote.port() == port && s.state == TcpState::Established);
            let check = Check::equal(
                "cut-stands",
                "the connection in the server's kernel, two seconds later",
                "ESTAB",
                if standing { "ESTAB" } else { "gone" },
            );
            return Ok(Went { ending: "nothing".into(), port: Some(port), checks: vec![check] });
        };
        let took = self.lab.clock().now().since(start).as_secs_f64();
        let checks = vec![Check::seconds(
            "cut-keepalive-time",
            "time until the server's kernel gives up",
            3.0..=5.5,
            took,
        )];
        Ok(Went { ending: closed, port: Some(port), checks })
    }

    /// Waits until tcp-server says how the connection from this port ended.
    fn closed(&self, port: u16) -> Result<Went, Trouble> {
        let ending = self.closed_event(port, SOON).ok_or_else(|| {
            Trouble::program("tcp-server", "did not say how the client's connection ended")
        })?;
        Ok(Went { ending, port: Some(port), checks: Vec::new() })
    }

    fn closed_event(&self, port: u16, limit: Duration) -> Option<String> {
        let of_client = |event: &serde_json::Value| {
            let peer = event["peer"].as_str().and_then(|text| text.parse::<SocketAddr>().ok());
            peer.is_some_and(|peer| peer.port() == port)
        };
        let closed = self.server.actor.event_where(limit, "closed", of_client)?;
        closed["ending"].as_str().map(str::to_owned)
    }
}

fn kill(client: &mut Actor) -> Result<(), Trouble> {
    client.program.kill().map_err(Trouble::io("kill the client"))?;
    Ok(())
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
