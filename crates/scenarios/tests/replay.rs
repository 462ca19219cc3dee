//! Recorded runs, rendered again, and files that are none.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use proptest::prelude::*;
use scenarios::findings::{
    Check, Claim, CounterLine, Fate, Lane, PacketLine, QueueLine, Segment, Series, SetUp, Story,
    Table, Tally, Verdict,
};
use scenarios::look::Look;
use scenarios::replay::{MAX_LINE, MAX_TEXT, Told, read};
use scenarios::{json, text};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

/// The runs that the documentation shows.
const RECORDED: [&str; 3] = ["backlog", "feedback", "disconnect"];

fn recorded(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/recorded").join(name)
}

/// Replays a file with the program, away from any terminal.
fn replay(file: &PathBuf, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scenarios"));
    command
        .args(["run", "--replay"])
        .arg(file)
        .args(options)
        .env_remove("COLUMNS")
        .output()
        .unwrap()
}

/// What was committed is shown as it was committed, each time and on every system.
#[test]
fn a_recorded_run_gives_the_same_bytes_each_time() {
    for name in RECORDED {
        let events = recorded(&format!("{name}.jsonl"));
        let golden = fs::read_to_string(recorded(&format!("{name}.txt"))).unwrap();
        for _ in 0..2 {
            let shown = replay(&events, &["--glyphs", "unicode", "--diagram", "ladder"]);
            let shown = (shown.status.code(), String::from_utf8(shown.stdout).unwrap());
            assert_eq!(shown, (Some(0), golden.clone()), "{name}");
        }
        let pages = [1, 2].map(|time| {
            let name = format!("sockeye-replay-{}-{name}-{time}.html", std::process::id());
            let page = std::env::temp_dir().join(name);
            let shown = replay(&events, &["--html", page.to_str().unwrap()]);
            assert_eq!(shown.status.code(), Some(0));
            let written = fs::read_to_string(&page).unwrap();
            fs::remove_file(&page).unwrap();
            written
        });
        assert!(
            pages[0] == pages[1] && pages[0].contains("</html>"),
            "{name}: the page is another"
        );
        let again = replay(&events, &["--format", "json"]);
        assert_eq!(again.status.code(), Some(0));
        assert!(again.stdout == fs::read(&events).unwrap(), "{name}: the events are others");
    }
}

/// The recordings of a terminal that the documentation shows are made of the recorded run, each time and on
/// every system.
#[test]
fn a_recording_of_a_terminal_is_the_same_each_time() {
    for ending in ["cast", "svg"] {
        let golden = fs::read_to_string(recorded(&format!("backlog.{ending}"))).unwrap();
        let name = format!("sockeye-replay-{}.{ending}", std::process::id());
        let file = std::env::temp_dir().join(name);
        let options = ["--glyphs", "unicode", "--cast", file.to_str().unwrap()];
        let shown = replay(&recorded("backlog.jsonl"), &options);
        assert_eq!(shown.status.code(), Some(0));
        let written = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(written == golden, "backlog.{ending} is another: cargo xtask docs --render");
    }
}

/// A full disk loses no verdict, wherever it is: what is shown is shown, and the code says that something was not
/// written.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_no_verdict() {
    let events = recorded("backlog.jsonl");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let golden = fs::read_to_string(recorded("backlog.txt")).unwrap();
    for option in ["--html", "--cast"] {
        let shown = replay(&events, &["--glyphs", "unicode", option, "/dev/full"]);
        assert_eq!(shown.status.code(), Some(1), "{option}");
        assert_eq!(text(shown.stdout), golden, "{option}");
        assert!(text(shown.stderr).contains("cannot write /dev/full: no space left on device"));
        let told = replay(&events, &["--json", option, "/dev/full"]);
        let end = text(told.stdout);
        let end: Value = serde_json::from_str(end.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&end["exit"], &end["ok"], &end["checks"]),
            (&1.into(), &false.into(), &26.into())
        );
    }
    for options in [&[][..], &["--json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scenarios"));
        command.args(["run", "--replay"]).arg(&events).args(options).env_remove("COLUMNS");
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let shown = command.stdout(full).output().unwrap();
        assert_eq!(shown.status.code(), Some(1), "{options:?}");
        let stderr = text(shown.stderr);
        assert!(stderr.contains("cannot write to standard output"), "{stderr}");
        if options.is_empty() {
            assert!(stderr.contains("a refuted, f partly"), "{stderr}");
            assert!(stderr.contains("26 of 26 checks as expected"), "{stderr}");
        }
    }
}

/// In a terminal of China, Japan or Korea a whole report is as wide as elsewhere, and without UTF-8 it is ASCII
/// but for what was sent.
#[test]
fn a_report_is_as_wide_in_every_terminal() {
    for name in RECORDED {
        for set in ["stable", "ascii"] {
            let shown = replay(&recorded(&format!("{name}.jsonl")), &["--glyphs", set]);
            let shown = String::from_utf8(shown.stdout).unwrap();
            for line in shown.lines() {
                assert_eq!(line.width_cjk(), line.width(), "{name}, {set}: {line}");
                assert!(set != "ascii" || line.is_ascii(), "{name}: {line}");
            }
        }
    }
}

/// What is too long is broken between words, and nothing is left out for that.
#[test]
fn a_recorded_run_fits_into_a_narrow_terminal() {
    let words = |text: &str| {
        text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
    };
    for (name, columns) in RECORDED.iter().flat_map(|name| [(name, 60), (name, 80), (name, 100)]) {
        let events = recorded(&format!("{name}.jsonl"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_scenarios"));
        command.args(["run", "--glyphs", "unicode", "--replay"]).arg(&events);
        let narrow = command.env("COLUMNS", columns.to_string()).output().unwrap();
        let narrow = String::from_utf8(narrow.stdout).unwrap();
        let long: Vec<&str> = narrow.lines().filter(|line| line.width() > columns).collect();
        assert!(long.is_empty(), "{name}, {columns} columns: {long:#?}");
        if columns >= 72 {
            let wide = replay(&events, &["--glyphs", "unicode", "--diagram", "ladder"]);
            let wide = String::from_utf8(wide.stdout).unwrap();
            assert_eq!(words(&narrow), words(&wide), "{name}, {columns} columns");
        }
    }
}

#[test]
fn a_file_that_is_no_recording_is_bad_usage() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let shown = replay(&file, &["--format", "json"]);
    assert_eq!(shown.status.code(), Some(2));
    let stderr = String::from_utf8(shown.stderr).unwrap();
    assert!(stderr.contains("line 1: expected an object of JSON"), "{stderr}");
    let end: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&end["event"], &end["error"]["kind"]), (&"end".into(), &"no_recording".into()));
    let shown = replay(&file.with_file_name("there is none"), &[]);
    assert_eq!(shown.status.code(), Some(2));
}

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
        seed: 1,
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
    refused(&changed("end", "exit", 0.into()), "expected another exit code than 0");
    refused(&changed("end", "exit", 99.into()), "expected another exit code than 99");
    refused(&changed("start", "of", 0.into()), "expected demo 1 of 0");
    let twice: Vec<Value> = [&good[..], &good[end - 1..]].concat();
    refused(&file(&twice), "expected nothing after \"end\"");
    let nested: Vec<Value> = [&good[..1], &good[..1]].concat();
    refused(&file(&nested), "line 2: expected the end of demo before another demo starts");
    // A check that is missing from the middle is missed at the end.
    let mut shorter = good.clone();
    shorter.remove(at("check"));
    refused(&file(&shorter), "expected an end that counts 2 checks");
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
