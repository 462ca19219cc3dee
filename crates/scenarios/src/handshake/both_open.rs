//! Two sides that call `connect` at the same moment: the handshake in which nothing can be merged.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use netlab::clock::Moment;
use netlab::{Lab, Rule, SocketWatch, TcpState};
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{PORT, Stage, Trouble, sockets, sockets_in, until};

/// Each way: both SYNs must be under way before either arrives.
const DELAY: Duration = Duration::from_millis(150);

const ENDS: [(&str, u16); 2] = [("left", PORT), ("right", PORT + 1)];

const CHECKS: [(&str, &str); 5] = [
    ("both-open-four", "the segments that open the connection"),
    ("both-open-arrived", "segments that had arrived when both ends were connected"),
    ("both-open-states", "the states of either socket"),
    ("both-open-ends", "ends that are connected, of two"),
    ("both-open-one", "connections between the two"),
];

/// Plays the story; gives back whether the handshake took four segments.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<bool>), Trouble> {
    let mut story = Story {
        name: "both-open".into(),
        says: "two sockets connect to each other at the same moment, and nobody listens".into(),
        belief: "one side must listen; or two connections come of it".into(),
        explanation: vec![
            "Each SYN is under way before the other arrives, so neither side can put its answer into its own \
             first segment any more. The four steps are then four segments, and they make one connection \
             (RFC 9293, 3.5, figure 7). A server that has nothing to say before it is asked sends its number \
             with its answer: that is how four become three."
                .into(),
            "Linux sends its SYN again with the answer (tcp_rcv_synsent_state_process), so each end hears the \
             other's SYN twice and acknowledges it twice: the last two ACKs, which change nothing. Older \
             kernels were connected only when they had those."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&ENDS.map(|(name, _)| name))?;
    let Some(wire) = lab.wire() else {
        let why = "on loopback one SYN arrives before the other leaves: level L0 or L1";
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok((story, None));
    };
    wire.add(Rule::delay("150 ms each way", DELAY));
    let watch = Watch::begin(&lab, ENDS[1].1)?;
    let states = ENDS.map(|(name, _)| {
        SocketWatch::start(lab.host(name), lab.clock(), |sockets| {
            sockets.iter().map(|socket| socket.state).collect::<Vec<_>>()
        })
    });
    let failed = || Trouble::io("connect two sockets to each other");
    let bound = [bind(&lab, 0).map_err(failed())?, bind(&lab, 1).map_err(failed())?];
    for (socket, other) in bound.iter().zip([1, 0]) {
        begin(socket, address(&lab, other)).map_err(failed())?;
    }
    let established = |name| sockets_in(&lab, name, TcpState::Established);
    // It fails where only one of them got through, which is then said by the checks.
    let ends = until("two ends that are connected", || {
        Ok(Some(established("left")? + established("right")?).filter(|ends| *ends == 2))
    });
    let ends = ends.unwrap_or(0);
    let sockets_left = sockets(&lab, "left")?.len();
    let states = states.map(SocketWatch::finish);
    let seen = watch.end(&lab)?;

    story.set_up = ENDS
        .iter()
        .zip([1, 0])
        .map(|((name, port), other)| {
            format!(
                "{name}: a bare socket, bound to port {port}, connects to {}",
                address(&lab, other)
            )
        })
        .collect();
    story.lifelines = lifelines(&lab, "left", "right", ENDS[1].1);
    let opening = seen.segments(|_, tcp| tcp.flags.syn);
    let flags = opening.iter().filter_map(|record| Some(record.packet.as_ref()?.tcp()?.flags));
    let flags = flags.map(|flags| flags.to_string()).collect::<Vec<_>>().join(" / ");
    let (mut paths, mut connected_at) = (Vec::new(), Moment::default());
    for watched in states {
        let watched = watched.map_err(Trouble::io("read states"))?.changes;
        let is_it =
            |(_, states): &&(Moment, Vec<TcpState>)| states.contains(&TcpState::Established);
        connected_at = connected_at.max(watched.iter().find(is_it).map_or(connected_at, |at| at.0));
        let path = watched.iter().filter_map(|(_, states)| states.first());
        // Bound, it is no connection yet.
        let path = path.filter(|state| **state != TcpState::Close);
        paths.push(path.map(TcpState::to_string).collect::<Vec<_>>().join(", "));
    }
    paths.dedup();
    let four = opening.len() == 4;
    let had_arrived =
        |record: &netlab::Record| record.delivered().is_some_and(|at| at < connected_at);
    let arrived = seen.segments(|record, _| had_arrived(record)).len();
    let [all, by_then, state, connected, one] = CHECKS;
    story.checks = vec![
        Check::equal(all.0, all.1, "SYN / SYN / SYN, ACK / SYN, ACK".to_owned(), flags),
        // By the four alone, or, on older kernels, by the acknowledgements of the last two.
        Check::within(by_then.0, by_then.1, 4..=6, arrived),
        Check::equal(state.0, state.1, "SYN-SENT, SYN-RECV, ESTAB".to_owned(), paths.join(" and ")),
        Check::equal(connected.0, connected.1, 2, ends),
        Check::equal(one.0, one.1, 1, sockets_left),
    ];
    let mut observer = Observer::new(&seen.records);
    observer.name(ENDS[0].1, "both");
    seen.put_into(&mut story, &observer);
    Ok((story, Some(four)))
}

fn address(lab: &Lab, end: usize) -> SocketAddr {
    let (name, port) = ENDS[end];
    SocketAddr::new(lab.host(name).address().into(), port)
}

/// Bare sockets: two programs may start further apart than a SYN is under way, and then one is refused.
fn bind(lab: &Lab, end: usize) -> io::Result<Socket> {
    let address = address(lab, end);
    lab.host(ENDS[end].0).run(move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    })
}

fn begin(socket: &Socket, to: SocketAddr) -> io::Result<()> {
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}
