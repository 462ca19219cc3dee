//! Nobody receives there: who is told?

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use netlab::{Lab, Rule};

use super::peer::{ANY, address_of_server, arrivals, bare_socket, is_icmp, outcome, skipped};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{SOON, Stage, Trouble, until};

const ICMP: (&str, &str) =
    ("closed-icmp", "messages \"port unreachable\" on the wire, one for each datagram");
const NO_PORTS: (&str, &str) = ("closed-no-ports", "the server's counter UdpNoPorts");

pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let nobody = closed_port(stage, &lab)?;
    let watch = Watch::begin(&lab, nobody.port())?;
    let failed = || Trouble::io("send to nobody");

    let unconnected = bare_socket(&lab, "client", ANY)?;
    unconnected.send_to(b"anybody?", nobody).map_err(failed())?;
    answers(&lab, nobody, 1)?;
    let (heard_unconnected, again) = (try_receive(&unconnected), try_receive(&unconnected));

    let connected = bare_socket(&lab, "client", ANY)?;
    connected.connect(nobody).map_err(failed())?;
    let first = outcome(connected.send(b"anybody?"));
    connected.set_read_timeout(Some(SOON)).map_err(failed())?;
    let heard = outcome(connected.recv(&mut [0; 64]));
    let heard_again = try_receive(&connected);

    let to = nobody.to_string();
    let mut sender = stage.udp_peer(&lab, "client", "sender", &["send", &to])?;
    sender.say("anybody?")?;
    let told = sender.event(SOON, "unreachable").unwrap_or_default();
    sender.say("q")?;
    sender.exit()?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "unreachable".into(),
        says: "datagrams are sent to a port where nobody receives".into(),
        belief: "UDP never notices".into(),
        set_up: vec![
            "client: a bare socket that sends with send_to()".into(),
            "client: a bare socket that calls connect(), then send()".into(),
            format!("client: udp-peer send {nobody}"),
        ],
        lifelines: lifelines(&lab, "client", "server", nobody.port()),
        tables: vec![Table {
            says: "what each sender is told".into(),
            columns: ["socket", "send", "first call after", "second call after"].map(str::to_owned).to_vec(),
            rows: vec![
                vec!["not connected".into(), "8 bytes".into(), heard_unconnected.clone(), again],
                vec!["connected".into(), first.clone(), heard.clone(), heard_again.clone()],
            ],
        }],
        explanation: vec![
            "The receiver's system answers that no socket has the port: ICMP, type 3, code 3. The send has long \
             succeeded by then, so the error can only be told by a later call (udp(7))."
                .into(),
            "A socket that is not connected may have sent to many; it is told nothing, unless it asks with \
             IP_RECVERR, as udp-peer does. A connected one has one peer: its next call, send or receive, fails \
             with ECONNREFUSED, once. A firewall that drops in silence tells nobody anything."
                .into(),
        ],
        ..Story::default()
    };
    let says = "what a socket that is not connected hears";
    story.checks = vec![
        Check::equal("closed-unconnected", says, "nothing".to_owned(), heard_unconnected),
        Check::equal(
            "closed-connected",
            "what a connected one hears at its next call",
            "ECONNREFUSED".to_owned(),
            heard,
        ),
        Check::equal(
            "closed-once",
            "and at the call after that",
            "nothing".to_owned(),
            heard_again,
        ),
        Check::equal(
            "closed-told",
            "what udp-peer send says is unreachable",
            "port",
            told["what"].as_str().unwrap_or("nothing"),
        ),
    ];
    let icmp = seen.records.iter().filter(|record| is_icmp(record, (3, 3))).count();
    story.checks.extend(match lab.wire() {
        Some(_) => vec![
            Check::equal(ICMP.0, ICMP.1, 3, icmp),
            Check::equal(NO_PORTS.0, NO_PORTS.1, 3, seen.moved("server", "UdpNoPorts")),
        ],
        None => skipped(&[ICMP, NO_PORTS]),
    });
    let mut observer = Observer::new(&seen.records);
    for (socket, name) in [(&unconnected, "unconnected"), (&connected, "connected")] {
        let local = socket.local_addr().map_err(failed())?;
        observer.name(local.port(), name);
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// A port of the server that nobody has; on a loopback that all share, one that was free a moment ago.
fn closed_port(stage: &Stage, lab: &Lab) -> Result<SocketAddr, Trouble> {
    if stage.level.has_namespaces() {
        return Ok(address_of_server(stage, lab));
    }
    let socket = bare_socket(lab, "server", address_of_server(stage, lab))?;
    socket.local_addr().map_err(Trouble::io("ask for the socket's address"))
}

/// Waits until the client has got the answers to all that arrive of so many; on the loopback they come within
/// the send. Where an answer is lost, too, what follows finds it missing.
fn answers(lab: &Lab, nobody: SocketAddr, sent: usize) -> Result<(), Trouble> {
    let Some(wire) = lab.wire() else { return Ok(()) };
    let arrived = arrivals(lab, nobody).of(sent);
    let is_answer = |record: &netlab::Record| is_icmp(record, (3, 3));
    let answered = || wire.records().iter().filter(|record| is_answer(record)).count();
    until("an answer of the closed port", || Ok((answered() >= arrived).then_some(())))?;
    wire.settle(SOON);
    let delivered = wire.records().into_iter().filter(|r| is_answer(r) && r.delivered().is_some());
    let delivered = i64::try_from(delivered.count()).unwrap_or(i64::MAX);
    until("an answer at the client", || {
        let counters = lab.host("client").counters().map_err(Trouble::io("read the counters"))?;
        Ok((counters.get("IcmpInDestUnreachs") >= Some(delivered)).then_some(()))
    })
}

/// What a receive that does not wait gives.
fn try_receive(socket: &UdpSocket) -> String {
    outcome(socket.set_nonblocking(true).and_then(|()| socket.recv(&mut [0; 64])))
}
