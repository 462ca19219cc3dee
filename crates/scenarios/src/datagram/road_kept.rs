//! The same bad road, for bare datagrams and for reliable ones.

use std::time::Duration;

use netlab::clock::Moment;
use netlab::{Packet, Record, Rule, Transport};

use super::peer::{Receiver, list, send_lines, skipped};
use super::road::{EXPECTED, LINES, spoil};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::reliable_pair::{
    COUNTED_BY_CALLS, Counted, RELIABLE_PORT, ReliablePair, line, line_in, line_of,
};
use crate::stage::{Stage, Trouble, UDP_PORT};

/// How often a line may go again: the one that was lost, and those that were overtaken, which may be taken for
/// lost as well.
const AGAIN: usize = 3;

/// How many datagrams each side may need: handshake, ten lines, those that go again, acknowledgements, end.
const DATAGRAMS: usize = 30;

const CHECKS: [(&str, &str); 8] = [
    ("road-kept-plain", "bare: the lines as they arrive"),
    ("road-kept-order", "reliable: the lines as the receiver tells of them"),
    ("road-kept-known", "reliable: lines of which the sender knows that they have arrived"),
    ("road-kept-again", "reliable: packets that carry a line again"),
    ("road-kept-twice", "reliable: packets that came twice and were known as such"),
    ("road-kept-sent", "reliable: datagrams of the sender, all counted"),
    ("road-kept-answers", "reliable: datagrams of the receiver"),
    ("road-kept-time", "reliable: time from the first line until all are there"),
];

pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "road-kept".into(),
        says: "the same road once more, for bare datagrams and for those of udp-peer --reliable".into(),
        belief: "UDP is quick and loses data; one can build on it to keep the data safe".into(),
        explanation: vec![
            "The road does the same to both. What differs is what is in a datagram: a number, by which a copy is \
             known and a gap is seen; and that there are answers, by which the sender knows what has arrived. \
             The receiver hands on what is in order, and keeps what is not yet."
                .into(),
            "It costs a handshake, because numbers and keys have to be agreed on; answers, each of which may speak \
             of many; some 80 bytes in each datagram; and for all lines behind a gap the time until it is closed. \
             Who can do without order does not wait (an unordered channel), and what is too old to be of use \
             need not be sent again (an unreliable one)."
                .into(),
            "Nobody on the road can read what is in them, or change it. Each line has a length of its own here, \
             so that its packets are known when they come again."
                .into(),
            COUNTED_BY_CALLS.into(),
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
    spoil(wire, client, |packet| goes_to(packet, UDP_PORT).is_some());
    let is_line = |packet: &Packet| goes_to(packet, RELIABLE_PORT).and_then(line_in).is_some();
    spoil(wire, client, is_line);
    let watch = Watch::begin(&lab, UDP_PORT)?;

    let receiver = Receiver::start(stage, &lab, &[])?;
    let lines: Vec<String> = (1..=LINES).map(line).collect();
    send_lines(stage, &lab, receiver.address, &[], &lines)?;
    receiver.hears(&lab, LINES);
    let mut pair = ReliablePair::connect(stage, &lab, RELIABLE_PORT)?;
    pair.say_lines(LINES)?;
    pair.wait_for_confirmed(LINES)?;
    let counted = pair.finish()?;
    let seen = watch.end(&lab)?;

    let text = |event: &serde_json::Value| event["text"].as_str().unwrap_or("?").to_owned();
    let number = |text: &str| text.split(' ').next().unwrap_or("?").to_owned();
    let plain: Vec<String> =
        receiver.datagrams().iter().map(|event| number(&text(event))).collect();
    let bare = Road::of(&seen.records, UDP_PORT, |record| {
        goes_to(record.packet.as_ref()?, UDP_PORT)?;
        record.copy_of.is_none().then_some(record.number)
    });
    let reliable = Road::of(&seen.records, RELIABLE_PORT, |record| line_of(record, pair.port));
    let heard = pair.heard();
    let known = pair.sender.events("confirmed").len();
    story.checks = checks(&plain, &heard, known, &counted, &reliable);
    story.tables = vec![table(&plain, &bare, &heard, &reliable)];
    story.set_up = vec![
        format!("server: udp-peer recv {}; udp-peer recv --reliable {}", receiver.address, pair.to),
        format!(
            "client: udp-peer send {}; udp-peer send --reliable {}; each the lines 1 to {LINES}, of 900 bytes and \
             more",
            receiver.address, pair.to
        ),
        "wire: of the datagrams with lines of each of the two the first waits until two others have passed, the \
         third is dropped, the sixth is doubled"
            .into(),
    ];
    story.lifelines = lifelines(&lab, "client", "server", UDP_PORT);
    let mut observer = Observer::new(&seen.records);
    for record in &seen.records {
        let Some((from, to)) = record.packet.as_ref().and_then(Packet::ports) else { continue };
        if to == UDP_PORT {
            observer.name(from, "bare");
        }
    }
    observer.name(pair.port, "reliable");
    observer.name(RELIABLE_PORT, "reliable");
    seen.put_into(&mut story, &observer);
    Ok(story)
}

/// The length of a datagram to this port.
fn goes_to(packet: &Packet, port: u16) -> Option<usize> {
    match packet.transport {
        Transport::Udp { destination_port, len, .. } if destination_port == port => Some(len),
        _ => None,
    }
}

/// What crossed the road of one of the two.
#[derive(Clone, Copy, Debug, Default)]
struct Road {
    /// Datagrams of the sender and of the receiver.
    datagrams: [usize; 2],
    /// Bytes in all of them.
    bytes: usize,
    /// How many of them carry a line again.
    again: usize,
    /// Seconds from the first line until the last one had arrived, of those that did.
    time: f64,
}

impl Road {
    /// Of the datagrams to and from the receiver's port; `what` says which line is in one, if one is.
    fn of(records: &[Record], port: u16, what: impl Fn(&Record) -> Option<usize>) -> Self {
        let mut road = Self::default();
        let mut first: Option<Moment> = None;
        let mut arrived: Vec<(usize, Option<Moment>)> = Vec::new();
        for record in records.iter().filter(|record| record.copy_of.is_none()) {
            let Some(packet) = &record.packet else { continue };
            let Transport::Udp { source_port, len, .. } = packet.transport else { continue };
            let is_answer = source_port == port;
            if !is_answer && goes_to(packet, port).is_none() {
                continue;
            }
            road.datagrams[usize::from(is_answer)] += 1;
            road.bytes += len;
            let Some(line) = what(record) else { continue };
            first = first.or(Some(record.sent));
            match arrived.iter_mut().find(|(before, _)| *before == line) {
                None => arrived.push((line, record.delivered())),
                Some((_, at)) => {
                    road.again += 1;
                    *at = at.or(record.delivered());
                }
            }
        }
        let last = arrived.iter().filter_map(|(_, at)| *at).max();
        road.time = last.zip(first).map_or(0.0, |(last, first)| last.since(first).as_secs_f64());
        road
    }
}

fn checks(
    plain: &[String],
    heard: &[usize],
    known: usize,
    counted: &Counted,
    road: &Road,
) -> Vec<Check> {
    let [of_plain, order, knows, again, twice, sent, answers, time] = CHECKS;
    let [datagrams, of_receiver] = road.datagrams;
    vec![
        Check::equal(of_plain.0, of_plain.1, EXPECTED.to_owned(), list(plain)),
        Check::equal(order.0, order.1, list(1..=LINES), list(heard)),
        Check::equal(knows.0, knows.1, LINES, known),
        Check::within(again.0, again.1, 1..=AGAIN, road.again),
        Check::equal(twice.0, twice.1, 1, counted.received("repeats")),
        Check::within(sent.0, sent.1, LINES + 1..=DATAGRAMS, datagrams),
        Check::within(answers.0, answers.1, 1..=DATAGRAMS, of_receiver),
        // A round trip is 10 ms, and the gap costs one more, or a probe.
        Check::seconds(time.0, time.1, 0.01..=0.5, road.time),
    ]
}

fn table(plain: &[String], bare: &Road, heard: &[usize], reliable: &Road) -> Table {
    let of = |count: usize| format!("{count} of {LINES}");
    let different = |mut lines: Vec<String>| {
        lines.sort();
        lines.dedup();
        lines.len()
    };
    let heard: Vec<String> = heard.iter().map(ToString::to_string).collect();
    let (one, other) = (different(plain.to_vec()), different(heard.clone()));
    let datagrams = |road: &Road| format!("{} and {}", road.datagrams[0], road.datagrams[1]);
    let ms = |road: &Road| format!("{:.1} ms", road.time * 1e3);
    let rows = [
        ("lines as they were told", list(plain), list(&heard)),
        ("lines that arrived", of(one), of(other)),
        ("lines told twice", (plain.len() - one).to_string(), (heard.len() - other).to_string()),
        ("datagrams of sender and receiver", datagrams(bare), datagrams(reliable)),
        ("of them with a line again", bare.again.to_string(), reliable.again.to_string()),
        ("bytes in them", bare.bytes.to_string(), reliable.bytes.to_string()),
        ("from the first line to the last", ms(bare), ms(reliable)),
    ];
    Table {
        says: "what the same road does to the two, and what it costs to put it right".into(),
        columns: ["", "bare", "reliable"].map(str::to_owned).to_vec(),
        rows: rows.map(|(what, bare, reliable)| vec![what.to_owned(), bare, reliable]).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::findings::Outcome;

    #[test]
    fn a_line_that_is_lost_or_comes_twice_or_early_is_found_out() {
        let failed = |heard: &[usize], repeats: u64, again: usize| -> Vec<String> {
            let plain: Vec<String> = EXPECTED.split(", ").map(str::to_owned).collect();
            let receiver = json!({"repeats": repeats});
            let counted = Counted { exit: Some(0), receiver, ..Counted::default() };
            let road = Road { datagrams: [15, 8], bytes: 0, again, time: 0.04 };
            let checks = checks(&plain, heard, LINES, &counted, &road);
            let failed = checks.iter().filter(|check| check.outcome != Outcome::Ok);
            failed.map(|check| check.id["road-kept-".len()..].to_owned()).collect()
        };
        let all: Vec<usize> = (1..=LINES).collect();
        assert_eq!(failed(&all, 1, 1), [""; 0]);
        assert_eq!(failed(&all[..9], 1, 1), ["order"]);
        assert_eq!(failed(&[&all[..6], &all[5..]].concat(), 1, 1), ["order"]);
        assert_eq!(failed(&[&[2, 1], &all[2..]].concat(), 1, 1), ["order"]);
        assert_eq!(failed(&all, 0, 0), ["again", "twice"]);
        assert_eq!(failed(&all, 1, 4), ["again"]);
    }
}
