//! An empty message as a datagram: it arrives, and it is not the end of anything.

use std::net::SocketAddr;
use std::time::Duration;

use netlab::{Rule, Transport};

use crate::arrivals::Arrivals;
use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Stage, Trouble, UDP_PORT};

/// Plays the story; gives back whether the empty datagram arrived.
pub(super) fn play(stage: &Stage) -> Result<(Story, bool), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let own = SocketAddr::new(
        lab.host("server").address().into(),
        if stage.level.has_namespaces() { UDP_PORT } else { 0 },
    );
    let receiver = stage.udp_peer(&lab, "server", "receiver", &["recv", &own.to_string()])?;
    let listening = receiver.expect("listening")?;
    let address = listening["addr"].as_str().unwrap_or_default().to_owned();
    let port = address.parse::<SocketAddr>().map_or(UDP_PORT, |address| address.port());
    let watch = Watch::begin(&lab, port)?;
    let mut sender = stage.udp_peer(&lab, "client", "sender", &["send", &address])?;
    for line in ["one", "", "three", "q"] {
        sender.say(line)?;
    }
    let exit = sender.exit()?;
    Arrivals { lab: &lab, host: "server", port }.are_told_by(&receiver, 3);
    let seen = watch.end(&lab)?;

    let sizes: Vec<String> =
        receiver.events("datagram").iter().map(|event| event["bytes"].to_string()).collect();
    let mut story = Story {
        name: "empty-datagram".into(),
        says: "the lines \"one\", \"\" and \"three\" are sent as datagrams".into(),
        belief: "an empty message is never received".into(),
        set_up: vec![
            format!("server: udp-peer recv {address}"),
            format!("client: udp-peer send {address}, then the three lines and q"),
        ],
        lifelines: lifelines(&lab, "client", "server", port),
        explanation: vec![
            "A datagram is a message, and one without a byte is one too: it has a sender, it crosses the \
             network, and the receiver's call returns with zero bytes. In UDP that is no end, because there \
             is nothing that could end (udp(7))."
                .into(),
        ],
        ..Story::default()
    };
    let arrived = sizes.contains(&"0".to_owned());
    let exit = exit.map_or("none: it goes on".to_owned(), |code| code.to_string());
    story.checks = vec![
        Check::equal(
            "datagram-arrives",
            "sizes of what arrived",
            "3, 0, 5".to_owned(),
            sizes.join(", "),
        ),
        Check::equal("datagram-exit", "exit code of the sender, after q", "0".to_owned(), exit),
    ];
    let (id, says) = ("datagram-packets", "datagrams without a byte on the wire");
    story.checks.push(if lab.wire().is_some() {
        let is_empty = |record: &&netlab::Record| {
            let transport = record.packet.as_ref().map(|packet| &packet.transport);
            matches!(transport, Some(Transport::Udp { len: 0, .. }))
        };
        Check::equal(id, says, 1, seen.records.iter().filter(is_empty).count())
    } else {
        Check::skipped(id, says, "needs a recording: level L0 or L1")
    });
    let observer = Observer::new(&seen.records);
    seen.put_into(&mut story, &observer);
    Ok((story, arrived))
}
