//! Eight clients come to a server that serves one at a time and has `listen(5)`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netlab::clock::Moment;
use netlab::{Lab, Record, Rule, TcpSocket, TcpState};
use serde_json::Value;

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::spelled::{spelled, spelled_first};
use crate::stage::{Actor, PORT, SOON, Server, Stage, Trouble, sockets, until};

const BACKLOG: u32 = 5;

const CLIENTS: usize = 8;

/// A client whose SYN is not answered for this long has met a silence: the link takes 10 ms there and
/// back, and its system tries again after a second.
const NO_ANSWER: Duration = Duration::from_millis(700);

/// One of the eight.
struct Visitor {
    name: String,
    actor: Actor,
    connected: Option<Value>,
}

/// What the eight met, in numbers.
#[derive(Clone, Copy)]
struct Met {
    /// Those whose connection waited in the accept queue.
    waiting: usize,
    /// Those that found neither service nor a place in the queue.
    turned_away: usize,
    /// Those of them that were told so by a reset.
    refused: usize,
}

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let backlog = BACKLOG.to_string();
    let args = ["--backlog", &backlog, "--max-conns", "1", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;

    let mut visitors = Vec::new();
    for number in 1..=CLIENTS {
        visitors.push(arrive(stage, &lab, &server, number)?);
    }
    let scene = Scene::look(&lab, &server)?;
    if let (Some(wire), Some(port)) = (lab.wire(), scene.outside.first()) {
        // Its system tries again by itself; the story ends when it has.
        let first = wire.wait_for(SOON, |record| is_syn(record, *port)).map(|syn| syn.sent);
        let again = |record: &Record| is_syn(record, *port) && Some(record.sent) > first;
        wire.wait_for(SOON, |record| again(record) && record.delivered().is_some());
    }
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "overflow".into(),
        says: "eight clients, one is served at a time, the queue is listen(5)".into(),
        belief: "one client is served, five wait, the others are refused".into(),
        set_up: vec![
            format!("server: tcp-server {} {}", args.join(" "), server.address),
            format!("client: tcp-client {}, {CLIENTS} times, one after another", server.address),
            knobs(&lab, "server", &["net.core.somaxconn", "net.ipv4.tcp_abort_on_overflow"]),
            knobs(
                &lab,
                "client",
                &["net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_linear_timeouts"],
            ),
        ],
        lifelines: lifelines(&lab, "client", "server", server.address.port()),
        tables: vec![scene.table(&visitors)],
        explanation: explanation(scene.queue, scene.met(&visitors)),
        ..Story::default()
    };
    story.checks = checks(&scene, &visitors, &seen, lab.wire().is_some());
    let mut observer = Observer::new(&seen.records);
    for (name, port) in scene.ports(&visitors) {
        observer.name(port, &name);
    }
    for syn in outside_syns(&scene, &seen) {
        observer.dropped_by_kernel(syn.number, "no reply: queue full");
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// A client comes, says a word, and has found its place, or nobody has answered it.
fn arrive(stage: &Stage, lab: &Lab, server: &Server, number: usize) -> Result<Visitor, Trouble> {
    let name = format!("client {number}");
    let outside = trying(lab, server)?;
    let mut actor = stage.client(lab, "client", &name, server.address, &["--timeout", "60"])?;
    actor.say(&format!("hello from {name}"))?;
    let mut knocked = None;
    until("whether a client found its place", || {
        if !actor.events("connected").is_empty() || !actor.events("end").is_empty() {
            return Ok(Some(()));
        }
        if trying(lab, server)?.iter().any(|port| !outside.contains(port)) {
            let since = *knocked.get_or_insert_with(Instant::now);
            return Ok((since.elapsed() > NO_ANSWER).then_some(()));
        }
        Ok(None)
    })?;
    if number == 1 {
        actor.expect("data")?;
    }
    let connected = actor.events("connected").into_iter().next();
    Ok(Visitor { name, actor, connected })
}

/// The ports of clients whose SYN is not answered.
fn trying(lab: &Lab, server: &Server) -> Result<Vec<u16>, Trouble> {
    let trying = |s: &&TcpSocket| s.state == TcpState::SynSent && s.remote == server.address;
    Ok(sockets(lab, "client")?.iter().filter(trying).map(|s| s.local.port()).collect())
}

/// The sockets of both kernels when everybody has come.
struct Scene {
    /// The accept queue's length and its backlog, as the listener tells.
    queue: (u32, u32),
    /// Connections of the server that no program has accepted.
    waiting: Vec<TcpSocket>,
    /// Connections of the server whose handshake is not complete.
    half_open: usize,
    /// The ports of clients that are still trying.
    outside: Vec<u16>,
}

impl Scene {
    fn look(lab: &Lab, server: &Server) -> Result<Self, Trouble> {
        let at_server = sockets(lab, "server")?;
        let of_server = |socket: &&TcpSocket| socket.local.port() == server.address.port();
        let listener = at_server.iter().filter(of_server).find(|s| s.state == TcpState::Listen);
        let listener = listener.ok_or_else(|| Trouble::program("tcp-server", "has no listener"))?;
        // At L2 clients and server share one kernel; a client's own end has the server's port as remote.
        let unaccepted = |s: &&TcpSocket| s.state == TcpState::Established && s.inode == 0;
        let half_open = |s: &&TcpSocket| s.state == TcpState::SynRecv;
        Ok(Self {
            queue: (listener.receive_queue, listener.send_queue),
            waiting: at_server.iter().filter(of_server).filter(unaccepted).cloned().collect(),
            half_open: at_server.iter().filter(of_server).filter(half_open).count(),
            outside: trying(lab, server)?,
        })
    }

    fn met(&self, visitors: &[Visitor]) -> Met {
        let turned_away = visitors.iter().filter(|v| v.connected.is_none()).count();
        let told = |v: &&Visitor| v.connected.is_none() && !v.actor.events("end").is_empty();
        let refused = visitors.iter().filter(told).count();
        Met { waiting: self.waiting.len(), turned_away, refused }
    }

    /// Every client with the port that it talks from.
    fn ports(&self, visitors: &[Visitor]) -> Vec<(String, u16)> {
        let mut outside = self.outside.iter();
        let port = |visitor: &Visitor| match visitor.port() {
            Some(port) => Some(port),
            None => outside.next().copied(),
        };
        let ports: Vec<Option<u16>> = visitors.iter().map(port).collect();
        visitors.iter().zip(ports).filter_map(|(v, port)| Some((v.name.clone(), port?))).collect()
    }

    fn table(&self, visitors: &[Visitor]) -> Table {
        let row = |visitor: &Visitor| {
            let waits = self.waiting.iter().find(|s| Some(s.remote.port()) == visitor.port());
            let (socket, place, got) = match (&visitor.connected, waits) {
                (Some(_), None) => ("ESTAB", "accepted".to_owned(), served(visitor)),
                (Some(_), Some(waits)) => (
                    "ESTAB",
                    "accept queue".to_owned(),
                    format!("{} bytes of it wait there unread", waits.receive_queue),
                ),
                (None, _) if visitor.actor.events("end").is_empty() => (
                    "SYN-SENT",
                    "outside".to_owned(),
                    "no answer; its system tries again".to_owned(),
                ),
                (None, _) => ("closed", "outside".to_owned(), "refused".to_owned()),
            };
            vec![visitor.name.clone(), socket.to_owned(), place, got]
        };
        Table {
            says: "who is where, when all eight have come".into(),
            columns: ["who", "its socket", "in the server's kernel", "what it got"]
                .map(str::to_owned)
                .to_vec(),
            rows: visitors.iter().map(row).collect(),
        }
    }
}

impl Visitor {
    fn port(&self) -> Option<u16> {
        let local = self.connected.as_ref()?["local"].as_str()?.parse::<SocketAddr>().ok()?;
        Some(local.port())
    }
}

fn served(visitor: &Visitor) -> String {
    let heard = visitor.actor.events("data");
    heard.first().map_or("nothing".into(), |data| format!("its echo: {}", data["text"]))
}

fn checks(scene: &Scene, visitors: &[Visitor], seen: &Seen, has_wire: bool) -> Vec<Check> {
    let Met { waiting, turned_away, refused } = scene.met(visitors);
    let served = visitors.iter().filter(|v| !v.actor.events("data").is_empty()).count();
    let heard = scene.waiting.iter().filter(|socket| socket.receive_queue > 0).count();
    let holds = BACKLOG + 1;
    let mut checks = vec![
        Check::equal("served", "clients that are served", 1, served),
        Check::equal(
            "backlog",
            "the backlog that the kernel keeps (Send-Q)",
            BACKLOG,
            scene.queue.1,
        ),
        Check::equal(
            "queue-holds",
            "connections in the accept queue (Recv-Q)",
            holds,
            scene.queue.0,
        ),
        Check::equal("waiting", "connections that no accept has taken", holds as usize, waiting),
        Check::equal(
            "half-open-waiting",
            "half-open ones among those that wait",
            0,
            scene.half_open,
        ),
        Check::equal(
            "waiting-heard",
            "of those whose words the kernel has taken",
            holds as usize,
            heard,
        ),
        Check::equal("turned-away", "clients that found no place", 1, turned_away),
        Check::equal("no-refusal", "clients that were told so by a reset", 0, refused),
    ];
    let dropped = ("syn-dropped", "answers to a SYN that met the full queue");
    let counted = ("overflow-counted", "ListenOverflows moved once for each dropped SYN");
    let retry = ("retry-after", "time until the client's system tries again");
    if !has_wire {
        let why = "needs a recording: level L0 or L1";
        checks.extend(Check::all_skipped(&[dropped, counted, retry], why));
        return checks;
    }
    let answers = seen.segments(|_, tcp| scene.outside.contains(&tcp.destination_port)).len();
    checks.push(Check::equal(dropped.0, dropped.1, 0, answers));
    let syns = outside_syns(scene, seen);
    let counter = usize::try_from(seen.moved("server", "TcpExtListenOverflows")).unwrap_or(0);
    checks.push(Check::equal(counted.0, counted.1, syns.len(), counter));
    // One second (RFC 6298, 2.1), in ticks of the kernel's clock, under the load of any machine.
    let gap = longest_gap(syns.iter().filter_map(|syn| Some((source_port(syn)?, syn.sent))));
    let gap = gap.map(|gap| gap.as_secs_f64());
    checks.push(Check::seconds_until(retry.0, retry.1, 0.9..=1.3, gap));
    checks
}

/// The longest time between the first and the second SYN of one client; of which client each is, its port
/// tells.
fn longest_gap(syns: impl Iterator<Item = (u16, Moment)>) -> Option<Duration> {
    let mut of_clients: BTreeMap<u16, Vec<Moment>> = BTreeMap::new();
    for (port, sent) in syns {
        of_clients.entry(port).or_default().push(sent);
    }
    let gap = |sent: &Vec<Moment>| Some(sent.get(1)?.since(*sent.first()?));
    of_clients.values().filter_map(gap).max()
}

/// What the kernel did, in the numbers of this run: `queue` is the length of the accept queue and its
/// backlog.
fn explanation((length, backlog): (u32, u32), met: Met) -> Vec<String> {
    let count = |of: u32| spelled(usize::try_from(of).unwrap_or(usize::MAX));
    let holds = count(length);
    let rule = if length != backlog + 1 {
        format!("Here that had {holds} at the end, with a backlog of {}.", count(backlog))
    } else if backlog == BACKLOG {
        format!(
            "It takes one more in while the queue is not longer than the backlog, so listen({BACKLOG}) holds \
             {holds} (sk_acceptq_is_full, include/net/sock.h)."
        )
    } else {
        format!(
            "It takes one more in while the queue is not longer than the backlog (sk_acceptq_is_full, \
             include/net/sock.h). net.core.somaxconn has cut listen({BACKLOG}) to {}, without a word, so \
             it holds {holds}.",
            count(backlog)
        )
    };
    let mut says = vec![format!(
        "The kernel completes handshakes without asking the program, and keeps what it has completed in the \
         accept queue. {rule}"
    )];
    if met.waiting > 0 {
        let who = match met.waiting {
            1 => "The one that waits does not know it: it is connected, and what it says is"
                .to_owned(),
            waiting => format!(
                "The {} that wait do not know it: they are connected, and what they say is",
                spelled(waiting)
            ),
        };
        says.push(format!("{who} taken and acknowledged by the server's kernel, unread."));
    }
    if met.refused > 0 {
        says.push(format!("{} of them were told by a reset.", spelled_first(met.refused)));
    } else if met.turned_away > 0 {
        let who = match met.turned_away {
            1 => "The one that found no place gets".to_owned(),
            away => format!("The {} that found no place get", spelled(away)),
        };
        says.push(format!(
            "{who} no answer at all. Since Linux 4.10 a SYN that meets a full queue is dropped at once \
             (tcp_conn_request, net/ipv4/tcp_input.c). From outside the server looks like a slow network, \
             not like a refusal, and the client's system tries again."
        ));
    }
    says
}

/// The SYNs that reached the server from clients that found no place.
fn outside_syns<'a>(scene: &Scene, seen: &'a Seen) -> Vec<&'a Record> {
    seen.segments(|record, tcp| {
        let outside = scene.outside.contains(&tcp.source_port);
        outside && tcp.flags.is_first_syn() && record.delivered().is_some()
    })
}

fn is_syn(record: &Record, from_port: u16) -> bool {
    let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
    tcp.is_some_and(|tcp| tcp.flags.is_first_syn() && tcp.source_port == from_port)
}

fn source_port(record: &Record) -> Option<u16> {
    Some(record.packet.as_ref()?.tcp()?.source_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Three clients stand outside, who came 0.7 s after each other; two of them have tried again.
    #[test]
    fn a_client_tries_again_after_its_own_first_try() {
        let syns = [(1, 0), (2, 7), (1, 10), (3, 14), (2, 18)];
        let syns = syns.map(|(port, tenths)| (port, Moment(tenths * SECOND / 10)));
        assert_eq!(longest_gap(syns.into_iter()), Some(Duration::from_millis(1100)));
        assert_eq!(longest_gap(syns.into_iter().take(2)), None);
    }

    #[test]
    fn what_is_explained_has_the_numbers_of_the_run() {
        let told = |queue, waiting, turned_away| {
            explanation(queue, Met { waiting, turned_away, refused: 0 }).join(" ")
        };
        let usual = told((6, 5), 6, 1);
        assert!(usual.contains("so listen(5) holds six ("), "{usual}");
        assert!(usual.contains("The six that wait"), "{usual}");
        assert!(usual.contains("The one that found no place gets no answer"), "{usual}");
        let cut = told((4, 3), 4, 3);
        assert!(cut.contains("cut listen(5) to three, without a word, so it holds four."), "{cut}");
        assert!(cut.contains("The four that wait") && !cut.contains("six"), "{cut}");
        assert!(cut.contains("The three that found no place get no answer"), "{cut}");
        let other = told((5, 5), 5, 0);
        assert!(
            other.contains("Here that had five at the end, with a backlog of five."),
            "{other}"
        );
        assert!(!other.contains("no answer"), "{other}");
    }
}
