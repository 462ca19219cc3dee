//! One receiver, and a datagram over each family: who sent it?

use std::time::Duration;

use netlab::{LabOptions, Rule, Transport};
use serde_json::Value;

use super::ways::{NO_IPV6, NO_LINK, Servers, Way};
use crate::arrivals::Arrivals;
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Stage, Trouble, UDP_PORT};

/// The ways that there are over IP, each with the check of what the sender is called.
const WAYS: [(Way, &str, &str); 3] = [
    (Way::Mapped, "datagram-ipv4", "the sender over IPv4, as the receiver has it"),
    (Way::V6, "datagram-ipv6", "the sender over IPv6"),
    (Way::LinkLocal, "datagram-link-local", "the link-local one, with the number of its link"),
];

const LENGTHS: (&str, &str) =
    ("datagram-lengths", "bytes in each of them on the wire: the line, and nothing else");

const LINE: &str = "who am I?";

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "datagram-addresses".into(),
        says: "a receiver of datagrams, and a sender over IPv4 and IPv6".into(),
        belief: "a datagram comes from nowhere: there is no connection".into(),
        explanation: vec![
            "Each datagram carries the address and the port of its sender, so a receiver knows whom to answer \
             although nothing was set up. The sender has bound nothing: the kernel gave it a port with its first \
             send. The names are those of the streams, and udp-peer too shows an IPv4 sender as one of IPv4."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage
        .lab_with(&["client", "server"], LabOptions { ipv6: true, ..LabOptions::default() })?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let receivers = Servers::over_ip(&lab, UDP_PORT, |at| {
        let receiver = stage.udp_peer(&lab, "server", "receiver", &["recv", at])?;
        receiver.expect("listening")?;
        Ok(receiver)
    })?;
    let watch = Watch::begin(&lab, UDP_PORT)?;
    let mut rows = Vec::new();
    let (mut called, mut arrived) = (Vec::new(), 0);
    for (way, receiver, to) in &receivers.ways {
        let receiver = &receivers.actors[*receiver];
        let before = receiver.events("datagram").len();
        let mut sender = stage.udp_peer(&lab, "client", way.over(), &["send", to])?;
        let own = sender.expect("listening")?["addr"].as_str().unwrap_or_default().to_owned();
        sender.say(LINE)?;
        sender.say("q")?;
        sender.exit()?;
        let sent = called.len() + 1;
        let arrive = Arrivals { lab: &lab, host: "server", port: UDP_PORT }.of(sent);
        let datagram = if arrive > arrived {
            crate::stage::until("the datagram at its receiver", || {
                Ok(receiver.events("datagram").get(before).cloned())
            })?
        } else {
            Value::Null
        };
        arrived = arrive;
        let from = datagram["from"].as_str().unwrap_or("nobody: it was lost").to_owned();
        rows.push([way.over(), to, &own, &from].map(str::to_owned).to_vec());
        called.push((*way, own, from));
    }
    let seen = watch.end(&lab)?;

    story.set_up = receivers.at.iter().map(|at| format!("server: udp-peer recv {at}")).collect();
    story
        .set_up
        .push(format!("client: udp-peer send to each address in turn, the line \"{LINE}\""));
    story.lifelines = lifelines(&lab, "client", "server", UDP_PORT);
    story.tables = vec![Table {
        says: "what the sender is called".into(),
        columns: ["over", "it sends to", "by itself", "by the receiver"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }];
    for (way, id, says) in WAYS {
        story.checks.push(match called.iter().find(|(known, ..)| *known == way) {
            Some((_, own, from)) => Check::equal(id, says, own, from),
            None if way == Way::LinkLocal && lab.wire().is_none() => {
                Check::skipped(id, says, NO_LINK)
            }
            None => Check::skipped(id, says, NO_IPV6),
        });
    }
    story.checks.push(if lab.wire().is_some() && !called.is_empty() {
        let lengths =
            seen.records.iter().filter_map(|record| match record.packet.as_ref()?.transport {
                Transport::Udp { len, .. } => Some(len.to_string()),
                _ => None,
            });
        let lengths: Vec<String> = lengths.collect();
        let expected = vec![LINE.len().to_string(); called.len()].join(", ");
        Check::equal(LENGTHS.0, LENGTHS.1, expected, lengths.join(", "))
    } else {
        Check::skipped(LENGTHS.0, LENGTHS.1, "needs a recording, and IPv6: level L0 or L1")
    });
    let mut observer = Observer::new(&seen.records);
    for (way, own, _) in &called {
        if let Some(port) = own.rsplit(':').next().and_then(|port| port.parse().ok()) {
            observer.name(port, way.over());
        }
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}
