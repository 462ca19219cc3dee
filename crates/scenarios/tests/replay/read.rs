//! A recording is read as it was told, and what is none is refused.

use proptest::prelude::*;
use scenarios::findings::{
    Check, Claim, CounterLine, Fate, Lane, PacketLine, QueueLine, Segment, Series, SetUp, Story,
    Table, Tally, Verdict,
};
use scenarios::knob::Knob;
use scenarios::look::Look;
use scenarios::options::Options;
use scenarios::replay::{MAX_LINE, MAX_TEXT, Told, read};
use scenarios::{json, text};
use serde_json::{Value, json};

/// A story that has something of everything, with a name of anybody's choice in it.
fn story(name: &str, number: f64, count: u32) -> Story {
    let packet = |from, fate| PacketLine {
        number: 1,
        from,
        sent_ms: number,
        arrived_ms: Some(number + 0.1),
        who: name.to_owned(),
        ports: (40_001, 7878),
        label: "PSH, ACK".to_owned(),
        len: 20,
        retry: count,
        fate,
        tcp: (from == 0).then_some(Segment { seq: 1, ack: Some(7), window: 65_536 }),
    };
    Story {
        name: name.to_owned(),
        says: "it is played".to_owned(),
        belief: "people say so".to_owned(),
        set_up: vec!["tcp-server --backlog 5".to_owned()],
        lifelines: vec!["client 10.0.0.1".to_owned(), "server 10.0.0.2".to_owned()],
        packets: vec![
            packet(0, Fate::Taken),
            packet(1, Fate::DroppedByKernel("queue full".to_owned())),
            packet(0, Fate::DroppedOnTheWire(name.to_owned())),
            packet(0, Fate::OnTheWay),
        ],
        not_drawn: Some("7 packets of others".to_owned()),
        queue: vec![QueueLine { at_ms: number, length: count, backlog: 5 }],
        lanes: vec![Lane {
            host: "client".to_owned(),
            who: name.to_owned(),
            ports: (40_001, 7878),
            states: vec![(0.0, "SYN-SENT".to_owned()), (number, "gone".to_owned())],
        }],
        series: vec![Series {
            says: "a value".to_owned(),
            unit: "ms".to_owned(),
            points: vec![(0.0, 0.1), (number, number / 3.0)],
        }],
        counters: vec![CounterLine {
            host: "server".to_owned(),
            name: "TcpExtListenDrops".to_owned(),
            before: 0,
            after: i64::from(count),
        }],
        tables: vec![Table {
            says: "who is where".to_owned(),
            columns: vec!["who".to_owned(), "where".to_owned()],
            rows: vec![vec![name.to_owned(), "inside".to_owned()]],
        }],
        explanation: vec!["So it is.".to_owned()],
        checks: vec![
            Check::equal("same", "the same", count, count),
            Check::equal("other", "not the same", 1, 2).computed(),
            Check::skipped("unseen", "cannot be seen", "no wire"),
        ],
        capture: None,
    }
}

fn set_up() -> SetUp {
    SetUp {
        demo: "demo".to_owned(),
        question: "what is it?".to_owned(),
        level: "L0".to_owned(),
        level_words: "in a user namespace".to_owned(),
        kernel: "Linux 6.18.44".to_owned(),
        seed: 7,
        options: Options {
            set: vec![Knob::new("wire.delay", "30ms")],
            compare: Some(["0", "1"].map(|value| Knob::new("net.ipv4.tcp_sack", value))),
            loopback: true,
            full: true,
        },
    }
}

fn claim() -> Claim {
    Claim {
        id: "a".to_owned(),
        says: "five wait".to_owned(),
        verdict: Verdict::Refuted,
        because: vec!["same".to_owned()],
        instead: "six wait".to_owned(),
    }
}

/// The lines of a run of one story.
fn events(story: &Story) -> Vec<Value> {
    let mut tally = Tally::default();
    tally.add(story);
    let mut events = vec![json::set_up(&set_up())];
    events.extend(json::theory("demo", &["It is so.", "And so."]));
    events.extend(json::story("demo", story));
    events.push(json::claim("demo", &claim()));
    events.push(json::played("demo", tally, 1.5));
    events.push(json::end(1, tally, "L0", 1.5));
    let mut lines = Vec::new();
    for (name, body) in events {
        let mut line = json!({ "event": name });
        if lines.is_empty() {
            line["schema"] = json::SCHEMA.into();
        }
        line.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        lines.push(line);
    }
    lines
}

fn file(events: &[Value]) -> String {
    events.iter().fold(String::new(), |file, event| file + &event.to_string() + "\n")
}

#[track_caller]
fn refused(file: &str, why: &str) {
    let refusal = read(file.as_bytes()).err().map(|refused| refused.to_string());
    assert!(refusal.as_ref().is_some_and(|refusal| refusal.contains(why)), "{refusal:?}: {why}");
}

#[test]
fn what_does_not_fit_is_refused_with_its_line() {
    let good = events(&story("overflow", 1.0, 6));
    assert!(read(file(&good).as_bytes()).is_ok());
    let end = good.len();
    let at = |name: &str| good.iter().position(|event| event["event"] == name).unwrap();
    let changed = |name: &str, field: &str, value: Value| {
        let mut events = good.clone();
        events[at(name)][field] = value;
        file(&events)
    };
    refused("", "line 1: the file ends here; expected more events");
    refused("[1]", "line 1: expected an object of JSON");
    refused(&file(&good[..end - 1]), &format!("line {end}: the file ends here"));
    refused(&file(&good[1..]), "line 1: expected the event \"start\" of the schema \"demo/1\"");
    refused(&changed("start", "schema", "demo/2".into()), "line 1: expected the event \"start\"");
    refused(
        &changed("story", "event", "novel".into()),
        "line 4: expected a story before \"novel\"",
    );
    refused(&changed("packet", "story", "other".into()), "expected a part of the story");
    refused(&changed("packet", "demo", "other".into()), "expected an event of the demo");
    refused(&changed("packet", "variant", "time 2".into()), "expected an event of the demo");
    refused(&changed("packet", "from", 2.into()), "expected one of 2 lifelines");
    refused(&changed("packet", "fate", "eaten".into()), "expected the fields of \"packet\"");
    refused(&changed("packet", "sent_ms", Value::Null), "expected the fields of \"packet\"");
    refused(&changed("table", "rows", json!([["a"]])), "expected rows of 2 cells");
    refused(&changed("counter", "before", i64::MIN.into()), "expected a counter");
    refused(&changed("check", "ok", "yes".into()), "expected \"ok\"");
    refused(&changed("claim", "verdict", "wrong".into()), "expected the fields of \"claim\"");
    refused(&changed("played", "event", "packet".into()), "expected a text as \"story\"");
    refused(&changed("end", "checks", 9.into()), "expected an end that counts 3 checks, 1 failed");
    refused(
        &changed("played", "failed", 99.into()),
        "expected a demo that counts 3 checks, 1 failed",
    );
    refused(&changed("claim", "because", json!(["none"])), "because of a check, not of \"none\"");
    refused(&changed("end", "ok", true.into()), "expected another exit code than 1");
    refused(&changed("end", "exit", 0.into()), "expected another exit code than 0");
    refused(&changed("end", "exit", 99.into()), "expected another exit code than 99");
    refused(&changed("start", "of", 0.into()), "expected demo 1 of 0");
    refused(&changed("start", "demo", "a; rm -rf ~".into()), "expected the name of a demo");
    let knobs = json!({ "set": [{ "name": "a", "value": "1'; rm -rf ~; '" }] });
    refused(&changed("start", "options", knobs), "expected knobs that a shell takes");
    let twice: Vec<Value> = [&good[..], &good[end - 1..]].concat();
    refused(&file(&twice), "expected nothing after \"end\"");
    let nested: Vec<Value> = [&good[..1], &good[..1]].concat();
    refused(&file(&nested), "line 2: expected the end of demo before another demo starts");
    // A check that is missing from the middle is missed, by the claim that rests on it or by the sum.
    for (place, why) in
        [(0, "because of a check, not of \"same\""), (1, "a demo that counts 2 checks")]
    {
        let mut shorter = good.clone();
        shorter.remove(at("check") + place);
        refused(&file(&shorter), why);
    }
}

/// One that was written before options were told has none.
#[test]
fn what_plays_it_again_is_told() {
    let mut events = events(&story("overflow", 1.0, 6));
    let command = |events: &[Value]| {
        let told = read(file(events).as_bytes()).unwrap().told;
        let Told::Start { set_up, .. } = &told[0] else { panic!("{told:?}") };
        (set_up.command(), text::set_up(set_up, (1, 1), Look::default()))
    };
    let words = "--set 'wire.delay=30ms' --compare 'net.ipv4.tcp_sack=0,1' --loopback --full";
    let (told, shown) = command(&events);
    assert_eq!(told, format!("cargo xtask demo demo {words} --seed 7"));
    assert!(shown.contains(&format!("seed 7, with {words}\n")), "{shown}");
    events[0].as_object_mut().unwrap().remove("options");
    assert_eq!(command(&events).0, "cargo xtask demo demo --seed 7");
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    let good = events(&story("overflow", 1.0, 6));
    let with = |field: &str, value: String| {
        let first = good[0].to_string();
        format!("{},\"{field}\":{value}}}\n{}", &first[..first.len() - 1], file(&good[1..]))
    };
    assert!(read(with("more", "\"is left out\"".to_owned()).as_bytes()).is_ok());
    refused(&with("more", "[".repeat(100_000)), "recursion limit exceeded");
    refused(&with("more", format!("\"{}\"", "x".repeat(MAX_TEXT + 1))), "a text is longer than");
    refused(&with("more", format!("[{}1]", "1,".repeat(MAX_LINE))), "the line is longer than");
    refused(&with("more", "1e999".to_owned()), "number out of range");
    // It is told without what a terminal would obey.
    refused(&with("demo", "\"\\u001b[2J\"".to_owned()), "\\u{1b}[2J");
}

/// What a terminal would obey is shown and not sent, as text and as events.
#[test]
fn names_cannot_harm_the_one_who_reads() {
    let story = story("\u{1b}[2J\u{9b}31m\u{202e}\nclaims\u{7f}", 1.0, 6);
    let recording = read(file(&events(&story)).as_bytes()).unwrap();
    let Told::Story(read) = &recording.told[2] else { panic!("no story: {recording:?}") };
    let shown = text::story(read, Look::default());
    assert!(shown.contains("\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{a}claims\\u{7f}"), "{shown}");
    let harmful = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!shown.contains(harmful));
    for (line, event) in recording.events.iter().zip(events(&story)) {
        assert!(!line.contains(harmful), "{line}");
        assert_eq!(serde_json::from_str::<Value>(line).unwrap(), event);
    }
}

proptest! {
    // What fails says how; nothing is kept beside the test.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The text of a replay is the text of the run.
    #[test]
    fn what_was_told_is_told_again(name in "[ -~你好é]{1,12}", number in 0.0..1e7, count in 0u32..99) {
        let story = story(&name, number, count);
        let recording = read(file(&events(&story)).as_bytes()).unwrap();
        let [
            Told::Start { set_up: start, .. },
            Told::Theory(theory),
            Told::Story(read),
            Told::Played { claims, seconds },
            Told::End(end),
        ] = &recording.told[..] else { panic!("{recording:?}") };
        let look = Look::default();
        prop_assert_eq!(text::set_up(start, (1, 1), look), text::set_up(&set_up(), (1, 1), look));
        prop_assert_eq!(start.command(), set_up().command());
        prop_assert_eq!(theory, &["It is so.", "And so."]);
        prop_assert_eq!(text::story(read, Look::default()), text::story(&story, Look::default()));
        prop_assert_eq!(text::claims(claims, Look::default()), text::claims(&[claim()], Look::default()));
        prop_assert_eq!((*seconds, end.seconds, end.exit), (1.5, 1.5, 1));
    }

    /// A damaged file is refused or harmless, and never the end of the program.
    #[test]
    fn damage_is_no_disaster(
        at in any::<prop::sample::Index>(),
        kind in 0..5,
        byte in any::<u8>(),
        other in any::<prop::sample::Index>(),
    ) {
        let mut bytes = file(&events(&story("overflow", 1.0, 6))).into_bytes();
        let (at, other) = (at.index(bytes.len()), other.index(bytes.len()));
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.truncate(at),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, byte),
            _ => drop(bytes.drain(at.min(other)..at.max(other))),
        }
        if let Ok(recording) = read(&bytes[..]) {
            let narrow = Look { columns: Some(60), ..Look::default() };
            let looks = [Look::default(), narrow];
            for (told, look) in recording.told.iter().flat_map(|told| looks.map(|look| (told, look))) {
                match told {
                    Told::Story(story) => drop(text::story(story, look)),
                    Told::Played { claims, .. } => drop(text::claims(claims, look)),
                    Told::Start { set_up, .. } => drop(text::set_up(set_up, (1, 1), look)),
                    _ => {}
                }
            }
        }
    }
}
