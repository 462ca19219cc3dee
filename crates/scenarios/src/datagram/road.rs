//! A bad road: one datagram is lost, one comes twice, one is overtaken.

use std::time::Duration;

use netlab::record::HostId;
use netlab::{Lab, Record, Rule, Wire};

use super::peer::{Receiver, list, send_lines, skipped};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::stage::{SOON, Stage, Trouble};

pub(super) const LINES: usize = 10;

/// What becomes of the ten: the first is overtaken by two, the third is lost, the sixth comes twice.
pub(super) const EXPECTED: &str = "2, 4, 1, 5, 6, 6, 7, 8, 9, 10";

const CHECKS: [(&str, &str); 4] = [
    ("road-order", "the lines as they arrive"),
    ("road-sent", "datagrams that the sender counts as sent"),
    ("road-told", "of how many not sent or not received the sender is told"),
    (
        "road-counted",
        "errors that the two kernels count (UdpInErrors, UdpNoPorts, UdpSndbufErrors)",
    ),
];

pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "road".into(),
        says: "ten lines are sent; the first is overtaken, the third is lost, the sixth comes twice".into(),
        belief: "UDP loses data now and then".into(),
        explanation: vec![
            "The receiver gets what the road left, in the order in which it came. UDP has no number by \
             which it could see that one is missing, that one was there before, or that they are out of \
             order."
                .into(),
            "The sender has sent ten, and no counter of either kernel says more. Who needs to know puts a \
             number into each datagram and an answer behind it; that is what TCP does, and what a protocol of \
             one's own on top of UDP has to do again."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    let Some(wire) = lab.wire() else {
        story.checks = skipped(&CHECKS);
        return Ok(story);
    };
    let client = lab.host("client").id();
    wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    spoil(wire, client, |_| true);
    let receiver = Receiver::start(stage, &lab, &[])?;
    let to = receiver.address;
    let watch = Watch::begin(&lab, to.port())?;
    let lines: Vec<String> = (1..=LINES).map(|number| number.to_string()).collect();
    let (sender, _) = send_lines(stage, &lab, to, &[], &lines)?;
    receiver.hears(&lab, LINES);
    let seen = watch.end(&lab)?;

    let texts = |event: &serde_json::Value| event["text"].as_str().unwrap_or("?").to_owned();
    let arrived = list(receiver.datagrams().iter().map(texts));
    let end = sender.expect("end")?;
    let told = ["not_sent", "lost", "unreachable"].map(|what| end[what].as_u64().unwrap_or(0));
    let errors = ["UdpInErrors", "UdpNoPorts", "UdpSndbufErrors"];
    let counted = |host| errors.map(|counter| seen.moved(host, counter)).iter().sum::<i64>();
    let counted = counted("client") + counted("server");
    let [order, sent, not, counters] = CHECKS;
    story.checks = vec![
        Check::equal(order.0, order.1, EXPECTED.to_owned(), arrived),
        Check::equal(sent.0, sent.1, LINES as u64, end["sent"].as_u64().unwrap_or(0)),
        Check::equal(not.0, not.1, 0, told.iter().sum::<u64>()),
        Check::equal(counters.0, counters.1, 0, counted),
    ];
    story.set_up = vec![
        format!("server: udp-peer recv {to}"),
        format!("client: udp-peer send {to}, then the lines 1 to {LINES} and q"),
        "wire: the first waits until two others have passed, the third is dropped, the sixth is doubled".into(),
    ];
    story.lifelines = lifelines(&lab, "client", "server", to.port());
    story.tables = vec![what_became(&lab, &seen)];
    let mut observer = Observer::new(&seen.records);
    for record in &seen.records {
        if let Some((port, _)) = record.packet.as_ref().and_then(netlab::Packet::ports) {
            observer.name(port, "sender");
        }
    }
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// Makes the road bad for those packets of a host of which `is_one` is true: the first waits until two others
/// have passed, the sixth is doubled, the third is lost.
pub(super) fn spoil(
    wire: &Wire,
    from: HostId,
    is_one: impl Fn(&netlab::Packet) -> bool + Copy + Send + 'static,
) {
    wire.add(Rule::reorder("held back", 2, SOON).from(from).matching(is_one).only([1]));
    wire.add(Rule::duplicate("doubled").from(from).matching(is_one).only([6]));
    wire.add(Rule::drop("lost").from(from).matching(is_one).only([3]));
}

/// The packets in the order in which they arrived.
fn what_became(lab: &Lab, seen: &Seen) -> Table {
    let observer = Observer::new(&seen.records);
    let mut records: Vec<&Record> = seen.records.iter().collect();
    // What never arrives comes last.
    records.sort_by_key(|record| (record.delivered().is_none(), record.delivered()));
    let row = |record: &&Record| {
        let text = record.frame.last_chunk::<2>().map(|text| String::from_utf8_lossy(text));
        let text = text.map(|text| text.trim_matches(|c: char| !c.is_ascii_digit()).to_owned());
        let arrived = record.delivered().map(|at| format!("{:.3}", observer.millis(at)));
        vec![
            arrived.unwrap_or_else(|| "never".into()),
            text.unwrap_or_default(),
            format!("{:.3}", observer.millis(record.sent)),
            record.rule.clone().unwrap_or_default(),
        ]
    };
    let sent_by_client = |record: &&&Record| record.from == lab.host("client").id();
    Table {
        says: "the lines in the order in which they arrived, and what the wire did to each".into(),
        columns: ["arrived, ms", "line", "sent, ms", "rule"].map(str::to_owned).to_vec(),
        rows: records.iter().filter(sent_by_client).map(row).collect(),
    }
}
