//! A datagram that is longer than the link carries: cut into parts, and lost with any of them.

use std::time::Duration;

use netlab::{Rule, Transport};

use super::peer::{Receiver, is_fragment, is_icmp, list, send_lines, skipped};
use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, knobs, lifelines};
use crate::stage::{SOON, Stage, Trouble};

/// Three parts on a link of 1,500 bytes: 1,480, 1,480 and 1,048 bytes with the UDP header.
const LONG: usize = 4000;

/// How long the receiver keeps parts, in seconds. The kernel's default is 30.
const KEPT: &str = "net.ipv4.ipfrag_time";

const CHECKS: [(&str, &str); 6] = [
    ("fragments-sizes", "what arrived, of 4,000 bytes twice and \"after\""),
    ("fragments-parts", "parts that the client's kernel made (IpFragCreates)"),
    ("fragments-arrived", "parts that the server's kernel got (IpReasmReqds): one is lost"),
    ("fragments-joined", "datagrams that it put together (IpReasmOKs)"),
    ("fragments-given-up", "datagrams that it gave up when their time was over (IpReasmTimeout)"),
    ("fragments-icmp", "messages \"reassembly time exceeded\" to the sender"),
];

pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "fragments".into(),
        says: format!("{LONG} bytes cross a link of 1,500, twice; the second time one part is lost"),
        belief: "one part of three lost is a third of the data lost".into(),
        explanation: vec![
            "IP cuts a datagram that is longer than the link into parts; only the first has the ports. The \
             receiver's kernel puts them together, and hands over all or nothing: UDP has no way to ask for \
             one part again."
                .into(),
            "It keeps the others until a timer ends (net.ipv4.ipfrag_time, 30 s, here 1 s), then says so to \
             the sender with ICMP, which hardly anybody reads. A longer datagram is lost more often: with 1 % \
             of the packets lost, 3 % of these. Keep datagrams below the path's MTU (RFC 8085, 3.2)."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        story.checks = skipped(&CHECKS);
        return Ok(story);
    };
    wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    stage.turn(&lab, "server", KEPT, "1")?;
    let receiver = Receiver::start(stage, &lab, &[])?;
    let to = receiver.address;
    let watch = Watch::begin(&lab, to.port())?;
    send_lines(stage, &lab, to, &[], &["a".repeat(LONG)])?;
    receiver.hears(&lab, 1);
    let is_part_in_the_middle = |packet: &netlab::Packet| {
        matches!(packet.transport, Transport::Fragment { offset: 1.., more: true, .. })
    };
    let lost = Rule::drop("one part is lost").matching(is_part_in_the_middle);
    wire.add(lost);
    send_lines(stage, &lab, to, &[], &["b".repeat(LONG), "after".to_owned()])?;
    receiver.hears(&lab, 3);
    // A receiver that gives up later than the story waits is found out by the check.
    wire.wait_for(SOON / 4, |record| is_icmp(record, (11, 1)) && record.delivered().is_some());
    let seen = watch.end(&lab)?;

    let sizes = list(receiver.datagrams().iter().map(|event| event["bytes"].clone()));
    let parts = seen.records.iter().filter(|record| is_fragment(record)).count();
    let errors = seen.records.iter().filter(|record| is_icmp(record, (11, 1))).count();
    let [size, made, got, joined, given_up, icmp] = CHECKS;
    let server = |counter| seen.moved("server", counter);
    story.checks = vec![
        Check::equal(size.0, size.1, format!("{LONG}, 5"), sizes),
        Check::equal(made.0, made.1, 6, seen.moved("client", "IpFragCreates")),
        Check::equal(got.0, got.1, 5, server("IpReasmReqds")),
        Check::equal(joined.0, joined.1, 1, server("IpReasmOKs")),
        Check::equal(given_up.0, given_up.1, 1, server("IpReasmTimeout")),
        Check::equal(icmp.0, icmp.1, 1, errors),
    ];
    story.set_up = vec![
        format!("server: udp-peer recv {to}"),
        format!("client: udp-peer send {to}, a line of {LONG} bytes; then another and \"after\""),
        format!(
            "wire: from the second on, the part in the middle is dropped ({parts} parts were sent)"
        ),
        knobs(&lab, "server", &[KEPT]),
    ];
    story.lifelines = lifelines(&lab, "client", "server", to.port());
    let observer = Observer::new(&seen.records);
    seen.put_into(&mut story, &observer);
    Ok(story)
}
