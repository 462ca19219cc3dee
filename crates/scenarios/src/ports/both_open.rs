//! Two sides that connect to each other, and nobody listens.

use std::net::SocketAddr;
use std::time::Duration;

use netlab::{Lab, Rule, TcpState};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::stage::{Actor, SOON, Stage, Trouble, sockets_in, until};

/// Each way: far longer than two programs take to start, so that the SYNs cross.
const DELAY: Duration = Duration::from_millis(250);

const HOSTS: [&str; 2] = ["alice", "bob"];

/// The ports from which they connect, and to which.
const PORTS: [u16; 2] = [4001, 4002];

const CHECKS: [(&str, &str); 5] = [
    ("both-open-established", "ends of the connection that are established"),
    ("both-open-listeners", "listeners in both kernels"),
    ("both-open-passive", "connections that came by a listener (TcpPassiveOpens)"),
    ("both-open-syns", "sides that sent a SYN of their own"),
    ("both-open-heard", "what bob hears of alice"),
];

/// Plays the story; gives back whether a connection stood, where it could be seen.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<bool>), Trouble> {
    let mut story = Story {
        name: "both-open".into(),
        says: "alice connects to bob while bob connects to alice; nobody listens".into(),
        belief: "without listen() and accept() a TCP connection cannot be made".into(),
        explanation: vec![
            "The SYNs cross. A socket that has sent a SYN and gets one, in place of an answer, answers that: \
             SYN, ACK (RFC 9293, 3.5, figure 7; tcp_rcv_synsent_state_process). Both sides have then said \
             and heard everything, and one connection stands, not two. No side was the server, nobody \
             listened, nobody accepted. (The SYN, ACK repeats the number of the SYN, so it is shown as a retry.)"
                .into(),
            "Programs behind two firewalls meet in this way (TCP hole punching). What listen() and accept() \
             are for is another thing: to be open for somebody of whom one does not know yet."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&HOSTS)?;
    let Some(wire) = lab.wire() else {
        let why = "on loopback the SYNs do not cross: level L0 or L1";
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok((story, None));
    };
    wire.add(Rule::delay("250 ms each way", DELAY));
    // On a machine so busy that one SYN arrives before the other program has started, its sender is not
    // refused but goes on asking.
    wire.add(Rule::drop("firewall").matching(|p| p.tcp().is_some_and(|tcp| tcp.flags.rst)));
    let addresses = [0, 1].map(|n| SocketAddr::new(lab.host(HOSTS[n]).address().into(), PORTS[n]));
    let watch = Watch::begin(&lab, PORTS[1])?;
    let come = |own: usize, other: usize| {
        let port = PORTS[own].to_string();
        stage.client(&lab, HOSTS[own], HOSTS[own], addresses[other], &["--source-port", &port])
    };
    let (mut alice, bob) = (come(0, 1)?, come(1, 0)?);
    let established = until("a connection", || {
        let established = established(&lab)?;
        Ok((established == 2 || has_failed(&alice) || has_failed(&bob)).then_some(established))
    })?;
    let heard = if established == 2 {
        alice.say("hello")?;
        bob.event(SOON, "data").map(|event| event["text"].clone())
    } else {
        None
    };
    let seen = watch.end(&lab)?;

    story.set_up = vec![
        format!("alice: tcp-client --source-port {} {}", PORTS[0], addresses[1]),
        format!("bob:   tcp-client --source-port {} {}", PORTS[1], addresses[0]),
        "wire:  a RST is dropped, as firewalls do, so that whoever comes first is not refused"
            .into(),
    ];
    story.lifelines = lifelines(&lab, HOSTS[0], HOSTS[1], PORTS[1]);
    story.lifelines[0] = format!("{} {}", HOSTS[0], addresses[0]);
    story.checks = checks(&lab, &seen, established, heard.as_ref())?;
    let mut observer = Observer::new(&seen.records);
    observer.name(PORTS[0], "both");
    seen.put_into(&mut story, &observer);
    Ok((story, Some(established == 2)))
}

fn checks(
    lab: &Lab,
    seen: &Seen,
    established: usize,
    heard: Option<&serde_json::Value>,
) -> Result<Vec<Check>, Trouble> {
    let mut listeners = 0;
    for host in HOSTS {
        listeners += sockets_in(lab, host, TcpState::Listen)?;
    }
    let sends_syn = |host: &&str| {
        let id = lab.host(host).id();
        !seen.segments(|record, tcp| record.from == id && tcp.flags.is_first_syn()).is_empty()
    };
    let passive: i64 = HOSTS.iter().map(|host| seen.moved(host, "TcpPassiveOpens")).sum();
    let heard = heard.and_then(|text| text.as_str()).map_or("nothing", str::trim_end);
    let [ends, nobody, opens, syns, hello] = CHECKS;
    Ok(vec![
        Check::equal(ends.0, ends.1, 2, established),
        Check::equal(nobody.0, nobody.1, 0, listeners),
        Check::equal(opens.0, opens.1, 0, passive),
        Check::equal(syns.0, syns.1, 2, HOSTS.into_iter().filter(sends_syn).count()),
        Check::equal(hello.0, hello.1, "hello", heard),
    ])
}

fn established(lab: &Lab) -> Result<usize, Trouble> {
    let mut established = 0;
    for host in HOSTS {
        established += sockets_in(lab, host, TcpState::Established)?;
    }
    Ok(established)
}

fn has_failed(client: &Actor) -> bool {
    !client.events("end").is_empty()
}
