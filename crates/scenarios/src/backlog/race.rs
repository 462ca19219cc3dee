//! Two handshakes race for the last place: one client believes that it is connected, and is not.

use std::fmt::Write as _;
use std::time::Duration;

use netlab::{Lab, Record, Rule, TcpState};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{PORT, SOON, Server, Stage, Trouble, sockets, until};

/// Each way. Both SYNs must arrive before either handshake is complete, so a round trip is far longer
/// than two programs take to start.
const DELAY: Duration = Duration::from_millis(250);

const CHECKS: [(&str, &str); 5] = [
    ("race-clients", "clients whose connect succeeded"),
    ("race-server", "of their connections, those that the server's kernel has"),
    ("race-half-open", "those that it still takes for half-open"),
    ("race-resend", "time until the server sends its SYN, ACK again"),
    ("race-late-entry", "connections that it has in the end, a place having come free"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "race".into(),
        says: "two clients race for the last place in the queue".into(),
        belief: "a client whose connect has succeeded is connected".into(),
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        let why = "a handshake on loopback is complete at once: level L0 or L1";
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok(story);
    };
    wire.add(Rule::delay("250 ms each way", DELAY));
    let args = ["--mode", "hold", "--backlog", "1", "--idle", "0"];
    let mut server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;
    let come = |name| stage.client(&lab, "client", name, server.address, &["--timeout", "60"]);

    let queued = come("client 1")?;
    queued.expect("connected")?;
    let racers = [come("client 2")?, come("client 3")?];
    for racer in &racers {
        racer.expect("connected")?;
    }
    for racer in &racers {
        let port = racer.local_port()?;
        let last_step = |record: &Record| {
            let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
            let ack = tcp.is_some_and(|tcp| tcp.source_port == port && tcp.flags.ack);
            ack && record.delivered().is_some()
        };
        let name = racer.program.name();
        wire.wait_for(SOON, last_step).ok_or_else(|| Trouble::program(name, "sent no ACK"))?;
    }
    let settled = until("the handshake that won the race", || {
        Ok(Some(AtServer::look(&lab, &server)?).filter(|at| at.established.len() >= 2))
    })?;
    // A place comes free before the server tells the loser again.
    server.actor.say("accept one")?;
    let end = until("the late entry", || {
        Ok(Some(AtServer::look(&lab, &server)?).filter(|at| at.half_open.is_empty()))
    })?;
    let seen = watch.end(&lab)?;

    story.set_up = vec![
        format!("server: tcp-server {} {}", args.join(" "), server.address),
        format!(
            "client: tcp-client {}: one waits already, two come at the same time",
            server.address
        ),
        knobs(&lab, "server", &["net.ipv4.tcp_synack_retries", "net.ipv4.tcp_abort_on_overflow"]),
    ];
    story.lifelines = lifelines(&lab, "client", "server", server.address.port());
    let actors = racers.iter().chain([&queued]);
    let connected = actors.clone().filter(|a| !a.events("connected").is_empty()).count();
    let mut ports = Vec::new();
    for racer in &racers {
        ports.push(racer.local_port()?);
    }
    let loser = Loser::find(&ports, &settled, &seen);
    let answers = seen.segments(|_, tcp| {
        tcp.flags.syn && tcp.flags.ack && Some(tcp.destination_port) == loser.port
    });
    let gap = answers.windows(2).next().map(|two| two[1].sent.since(two[0].sent).as_secs_f64());
    story.explanation = loser.explanation(gap, end.established.len() == 3);
    let [clients, known, half_open, resend, late] = CHECKS;
    story.checks = vec![
        Check::equal(clients.0, clients.1, 3, connected),
        Check::equal(known.0, known.1, 2, settled.established.len()),
        Check::equal(half_open.0, half_open.1, 1, settled.half_open.len()),
        Check::seconds_until(resend.0, resend.1, 0.9..=1.4, gap),
        Check::equal(late.0, late.1, 3, end.established.len()),
    ];

    let mut observer = Observer::new(&seen.records);
    for actor in actors {
        observer.name(actor.local_port()?, actor.program.name());
    }
    if loser.end == LoserEnd::Dropped {
        let final_acks = seen.segments(|_, tcp| {
            let is_its = Some(tcp.source_port) == loser.port;
            is_its && tcp.flags.ack && !tcp.flags.syn && tcp.len == 0
        });
        if let Some(dropped) = final_acks.first() {
            observer.dropped_by_kernel(dropped.number, "dropped: queue full");
        }
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// The client whose ACK came when the last place was taken.
struct Loser {
    port: Option<u16>,
    end: LoserEnd,
}

/// What the server's kernel did with that ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoserEnd {
    /// It was dropped, and the connection is half-open still.
    Dropped,
    /// It was answered with a RST.
    Reset,
    /// Nobody has lost, or nothing was seen of it.
    Unseen,
}

impl Loser {
    /// The racer that the server's kernel does not have for complete.
    fn find(racers: &[u16], settled: &AtServer, seen: &Seen) -> Self {
        let port = racers.iter().copied().find(|port| !settled.established.contains(port));
        let resets = seen.segments(|_, tcp| tcp.flags.rst && Some(tcp.destination_port) == port);
        let end = if !resets.is_empty() {
            LoserEnd::Reset
        } else if port.is_some_and(|port| settled.half_open.contains(&port)) {
            LoserEnd::Dropped
        } else {
            LoserEnd::Unseen
        };
        Self { port, end }
    }

    /// What happened to it: `gap` is the time until the server sent its SYN, ACK again, if it did.
    fn explanation(&self, gap: Option<f64>, got_in: bool) -> Vec<String> {
        let both = "Both SYNs found room, so both were answered, and each client was connected when it had \
                    the answer. The last place went to whose ACK came first.";
        let (of_it, then) = match self.end {
            LoserEnd::Dropped => (
                "The other's ACK was dropped: for it the connection stands, for the server it is half-open.",
                "The server keeps its side of the half-open connection and sends its SYN, ACK again, 1 s, 3 s, \
                 7 s after the first (tcp_synack_retries).",
            ),
            LoserEnd::Reset => (
                "The other's ACK was answered with a RST, as net.ipv4.tcp_abort_on_overflow=1 asks \
                 (tcp_check_req, net/ipv4/tcp_minisocks.c): it was connected for a moment, and its next read \
                 or write fails.",
                "The server keeps nothing of such a connection, so a place that comes free later is of no use \
                 to it.",
            ),
            LoserEnd::Unseen => ("Nothing was seen of the other's.", ""),
        };
        let mut then = then.to_owned();
        if self.end == LoserEnd::Dropped {
            let resent = gap.map_or("did not".to_owned(), |gap| format!("did after {gap:.1} s"));
            let _ = write!(then, " Here it {resent}.");
            then += if got_in {
                " A place had come free by then, and the client's answer to that brought the connection in. \
                 Otherwise it is forgotten, and the client hears of it only when it sends."
            } else {
                " The connection did not get in."
            };
        }
        let mut says = vec![format!("{both} {of_it}")];
        says.extend((!then.is_empty()).then_some(then));
        says
    }
}

/// The connections that the server's kernel has, each by its client's port.
struct AtServer {
    /// Those that are complete.
    established: Vec<u16>,
    /// Those that are half-open.
    half_open: Vec<u16>,
}

impl AtServer {
    fn look(lab: &Lab, server: &Server) -> Result<Self, Trouble> {
        let all = sockets(lab, "server")?;
        let of = |state| {
            let port = server.address.port();
            let of_it = all.iter().filter(move |s| s.local.port() == port && s.state == state);
            of_it.map(|socket| socket.remote.port()).collect()
        };
        Ok(Self { established: of(TcpState::Established), half_open: of(TcpState::SynRecv) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_was_reset_is_not_said_to_be_connected() {
        let told =
            |end, gap, got_in| Loser { port: Some(1), end }.explanation(gap, got_in).join(" ");
        let dropped = told(LoserEnd::Dropped, Some(1.03), true);
        assert!(
            dropped.contains("connection stands") && dropped.contains("after 1.0 s"),
            "{dropped}"
        );
        let reset = told(LoserEnd::Reset, None, false);
        assert!(reset.contains("RST") && !reset.contains("stands"), "{reset}");
        let unseen = told(LoserEnd::Unseen, None, false);
        assert!(!unseen.contains("dropped") && !unseen.contains("RST"), "{unseen}");
    }
}
