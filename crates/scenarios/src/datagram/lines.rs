//! The tutorial's own: lines are sent until `q`, and the receiver says who sent what.

use std::time::Duration;

use netlab::Rule;

use super::peer::{Receiver, list, send_lines, skipped};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Stage, Trouble};

/// The port that the sender takes for itself.
const OWN_PORT: &str = "5000";

const LINES: [&str; 3] = ["你好", "how are you?", "bye"];

const PACKETS: (&str, &str) = ("lines-packets", "packets on the wire, of both directions");
const FROM: (&str, &str) = ("lines-from", "from which port the receiver got each");

pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let receiver = Receiver::start(stage, &lab, &[])?;
    let to = receiver.address;
    let watch = Watch::begin(&lab, to.port())?;
    let own = format!("{}:{OWN_PORT}", lab.host("client").address());
    let args: &[&str] = if lab.wire().is_some() { &["--source", &own] } else { &[] };
    let (_, exit) = send_lines(stage, &lab, to, args, &LINES.map(str::to_owned))?;
    receiver.hears(&lab, LINES.len());
    let seen = watch.end(&lab)?;

    let told = receiver.datagrams();
    let source = if args.is_empty() { String::new() } else { args.join(" ") + " " };
    let text = |name: &'static str| {
        move |event: &serde_json::Value| event[name].as_str().unwrap_or("?").to_owned()
    };
    let mut story = Story {
        name: "lines".into(),
        says: "three lines are sent, then q; the receiver says who sent what".into(),
        belief: "UDP needs only an address: no connection, and what is sent arrives".into(),
        set_up: vec![
            format!("server: udp-peer recv {to}"),
            format!("client: udp-peer send {}{to}, then the lines and q", source),
        ],
        lifelines: lifelines(&lab, "client", "server", to.port()),
        tables: vec![Table {
            says: "what udp-peer recv says".into(),
            columns: ["from", "bytes", "text"].map(str::to_owned).to_vec(),
            rows: told.iter().map(|e| vec![text("from")(e), e["bytes"].to_string(), text("text")(e)]).collect(),
        }],
        explanation: vec![
            "Each line is one packet, and there is nothing else: no handshake, no acknowledgement, no end. The \
             sender's address stands in each, so one socket receives from anybody. q is a word between the \
             person and the program; the receiver does not hear of it."
                .into(),
        ],
        ..Story::default()
    };
    story.checks = vec![
        Check::equal(
            "lines-text",
            "what arrived",
            list(LINES),
            list(told.iter().map(text("text"))),
        ),
        Check::equal("lines-exit", "exit code of the sender, after q", 0, exit.unwrap_or(-1)),
    ];
    if lab.wire().is_some() {
        let expected = list([&own; LINES.len()]);
        story.checks.push(Check::equal(
            FROM.0,
            FROM.1,
            expected,
            list(told.iter().map(text("from"))),
        ));
        story.checks.push(Check::equal(PACKETS.0, PACKETS.1, LINES.len(), seen.records.len()));
    } else {
        story.checks.extend(skipped(&[FROM, PACKETS]));
    }
    let mut observer = Observer::new(&seen.records);
    observer.name(5000, "sender");
    seen.put_into(&mut story, &observer);
    Ok(story)
}
