//! Twenty clients come at the same instant: how many half-open connections does `listen(5)` allow?

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use netlab::{Lab, Record, Rule, Tcp, TcpState, Wire};
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::spelled::spelled;
use crate::stage::{PORT, SOON, Stage, Trouble, sockets_in, until};

/// Each way: no handshake is complete before all of the SYNs have arrived and were looked at, and none is
/// tried again by then, which a system does after a second.
const DELAY: Duration = Duration::from_millis(150);

/// How many come.
pub(super) const CLIENTS: usize = 20;

const LIMIT: (&str, &str) =
    ("half-open-limit", "half-open connections that the kernel keeps of twenty");

const DROPPED: (&str, &str) = ("half-open-dropped", "the others, dropped (TCPReqQFullDrop)");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "half-open".into(),
        says: "twenty clients at the same instant, none of whose handshakes is complete".into(),
        belief: "listen() sizes the pool of half-open connections".into(),
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        let why = "a handshake on loopback is complete at once: level L0 or L1";
        story.checks = Check::all_skipped(&[LIMIT, DROPPED], why);
        return Ok(story);
    };
    wire.add(Rule::delay("150 ms each way", DELAY));
    // A kernel that was built without cookies does without them by itself.
    stage.turn_if_there(&lab, "server", "net.ipv4.tcp_syncookies", "0")?;
    let args = ["--mode", "hold", "--backlog", "5", "--idle", "0"];
    let server = stage.server(&lab, "server", "tcp-server", PORT, &args)?;
    let watch = Watch::begin(&lab, server.address.port())?;

    let _clients = connect_all(&lab, server.address).map_err(Trouble::io("connect 20 times"))?;
    let arrived = |record: &Record| record.number >= CLIENTS && record.delivered().is_some();
    wire.wait_for(SOON, arrived)
        .ok_or_else(|| Trouble::program("the wire", "carried no 20 SYNs"))?;
    let half_open = until("what became of each of the twenty", || decided(&lab, wire))?;
    let mut seen = watch.end(&lab)?;

    story.set_up = vec![
        format!("server: tcp-server {} {}", args.join(" "), server.address),
        "client: one program that begins 20 connections without waiting for any".into(),
        knobs(&lab, "server", &["net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog"]),
    ];
    story.lifelines = lifelines(&lab, "client", "server", server.address.port());
    let moved = |counter| usize::try_from(seen.moved("server", counter)).unwrap_or(0);
    let dropped = moved("TcpExtTCPReqQFullDrop");
    story.explanation = vec![explanation(half_open, dropped, moved("TcpExtSyncookiesSent"))];
    story.checks = vec![
        // Kernels differ by one: the comparison has been >= and is > now.
        Check::within(LIMIT.0, LIMIT.1, 5..=6, half_open),
        Check::equal(DROPPED.0, DROPPED.1, CLIENTS - half_open, dropped),
    ];
    let mut observer = Observer::new(&seen.records);
    for syn in unanswered(&seen) {
        observer.dropped_by_kernel(syn, "no reply: too many half-open");
    }
    // All is decided. Whether a handshake that goes on finds a place in the accept queue is another story,
    // of which the end is not waited for.
    let after_it = |record: &Record| {
        record.packet.as_ref().and_then(|packet| packet.tcp()).is_some_and(|tcp| !tcp.flags.syn)
    };
    let hidden = seen.hide_where(after_it);
    story.not_drawn = (hidden > 0).then(|| format!("{hidden} packets of handshakes that go on"));
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// How many half-open connections the server's kernel has, once it has decided of all twenty and the wire
/// has seen its answers. On a busy machine a SYN lies there for a while after it has arrived.
fn decided(lab: &Lab, wire: &Wire) -> Result<Option<usize>, Trouble> {
    let half_open = sockets_in(lab, "server", TcpState::SynRecv)?;
    let complete = sockets_in(lab, "server", TcpState::Established)?;
    let counters = lab.host("server").counters().map_err(Trouble::io("read the counters"))?;
    let counted = |name| usize::try_from(counters.get(name).unwrap_or(0)).unwrap_or(0);
    let answers = |record: &&Record| {
        let tcp = record.packet.as_ref().and_then(|packet| packet.tcp());
        tcp.is_some_and(|tcp| tcp.flags.syn && tcp.flags.ack)
    };
    let answered = wire.records().iter().filter(answers).count();
    let cookies = counted("TcpExtSyncookiesSent");
    let kept = half_open + complete;
    let all_decided = kept + cookies + counted("TcpExtListenDrops") >= CLIENTS;
    // One that a cookie has completed counts twice, so all of them are enough in any case.
    let all_answered = answered >= CLIENTS.min(kept + cookies);
    Ok((all_decided && all_answered).then_some(half_open))
}

/// What the kernel did with the twenty, in the numbers of this run.
fn explanation(half_open: usize, dropped: usize, cookies: usize) -> String {
    let mut says = if half_open < CLIENTS {
        format!(
            "Kernels of today take the backlog as the limit of half-open connections too \
             (inet_csk_reqsk_queue_is_full, include/net/inet_connection_sock.h): {} of twenty were kept.",
            spelled(half_open)
        )
    } else {
        "All twenty were kept as half-open connections: no limit was met.".to_owned()
    };
    if dropped > 0 {
        says += " With SYN cookies off, as here, the rest is dropped; with cookies, the default, the rest \
                 is answered without being remembered.";
    }
    if cookies > 0 {
        says += " With SYN cookies, the default, the rest is answered without being remembered, as here; \
                 with cookies off the rest is dropped.";
    }
    if dropped + cookies > 0 {
        says += " That is the defence against a flood; the pool is what a flood fills.";
    }
    says
}

/// The numbers of the SYNs that arrived and whose sender was never answered.
///
/// The counter says how many were dropped, and not which.
fn unanswered(seen: &Seen) -> Vec<usize> {
    let port = |record: &Record, of: fn(&Tcp) -> u16| {
        record.packet.as_ref().and_then(|packet| packet.tcp().map(of))
    };
    let answers = seen.segments(|_, tcp| tcp.flags.syn && tcp.flags.ack);
    let answered: Vec<_> =
        answers.into_iter().map(|record| port(record, |tcp| tcp.destination_port)).collect();
    let syns =
        seen.segments(|record, tcp| tcp.flags.is_first_syn() && record.delivered().is_some());
    let in_vain = |record: &&&Record| !answered.contains(&port(record, |tcp| tcp.source_port));
    syns.iter().filter(in_vain).map(|record| record.number).collect()
}

/// Begins many connections at once. Our client opens one; a program that opens many is the lesson here.
fn connect_all(lab: &Lab, server: SocketAddr) -> io::Result<Vec<Socket>> {
    lab.host("client").run(move || {
        let connect = |_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            match socket.connect(&server.into()) {
                Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => Err(error),
                _ => Ok(socket),
            }
        };
        (0..CLIENTS).map(connect).collect()
    })
}
