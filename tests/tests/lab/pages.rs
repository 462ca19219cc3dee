//! The pages of demos, as a browser shows them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::{Browser, Directory, Sight};

use crate::{scenarios, schema};

/// On a wide screen, and dark on a telephone, and on paper.
const SIGHTS: [Sight; 3] = [
    Sight { width: 1000, is_dark: false, is_print: false },
    Sight { width: 360, is_dark: true, is_print: false },
    Sight { width: 700, is_dark: true, is_print: true },
];

/// What is wrong with a page, in words.
const LOOK: &str = include_str!("look.js");

/// Looks at every page of a folder. None says anything on the console, asks for anything, is wider than the
/// window, or has words that cannot be read.
#[track_caller]
pub(crate) fn look_at(folder: &Path) {
    let profile = Directory::new();
    let Some(mut browser) = Browser::start(profile.path()) else { return };
    let mut pages = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|ending| ending != "html") {
            continue;
        }
        pages += 1;
        for sight in SIGHTS {
            look_once(&mut browser, &file, sight);
        }
    }
    assert!(pages > 0, "no page in {}", folder.display());
}

#[track_caller]
fn look_once(browser: &mut Browser, file: &Path, sight: Sight) {
    let page = browser.open(file, sight);
    let shown = format!("{}, {sight:?}", file.display());
    assert_eq!(page.console, [Value::Null; 0], "{shown}");
    assert_eq!(page.requests, [format!("file://{}", file.display())], "{shown}");
    let wrong = browser.evaluate(&page, LOOK);
    assert_eq!(wrong, json!([]), "{shown}");
    browser.close(&page);
}

/// A run that the documentation shows.
pub(crate) fn recorded(name: &str) -> String {
    format!("{}/../docs/recorded/{name}.jsonl", env!("CARGO_MANIFEST_DIR"))
}

/// The runs that the documentation shows, in both languages.
#[test]
fn pages_can_be_read_in_both_languages() {
    for language in ["en", "zh"] {
        let folder = Directory::new();
        for name in ["backlog", "feedback", "disconnect"] {
            let page = folder.path().join(format!("{name}.html"));
            let page = page.to_str().unwrap();
            let args = ["run", "--replay", &recorded(name), "--html", page, "--lang", language];
            assert_eq!(scenarios(&args).code, 0);
        }
        look_at(folder.path());
    }
}

/// A run of so many packets, as one event a line.
fn long_run(packets: usize) -> String {
    let story = json!({
        "event": "story", "demo": "long", "story": "s", "says": "it is long", "belief": "it is short",
        "set_up": [], "lifelines": ["client 10.0.0.1", "server 10.0.0.2:7878"],
    });
    let start = json!({
        "event": "start", "schema": "demo/1", "demo": "long", "question": "how long?", "level": "L0",
        "level_words": "made up", "kernel": "Linux", "seed": 1,
    });
    let mut lines = vec![start, story];
    for number in 1..=packets {
        let at = number as f64 / 100.0;
        let is_back = number % 2 == 0;
        let seq = 1 + 1448 * (number / 2);
        lines.push(json!({
            "event": "packet", "demo": "long", "story": "s", "number": number,
            "from": usize::from(is_back), "sent_ms": at, "arrived_ms": at + 5.0, "who": "client",
            "ports": if is_back { [7878, 40_001] } else { [40_001, 7878] }, "label": "ACK",
            "len": if is_back { 0 } else { 1448 }, "retry": usize::from(number % 777 == 0),
            "fate": if number % 500 == 1 { json!({ "dropped_on_the_wire": "lost" }) } else { "taken".into() },
            "tcp": { "seq": if is_back { 1 } else { seq }, "ack": if is_back { seq } else { 1 }, "window": 65_536 },
        }));
    }
    let end =
        json!({ "checks": 0, "failed": 0, "skipped": 0, "seconds": 1.0, "exit": 77, "ok": true });
    for name in ["played", "end"] {
        let mut event = end.clone();
        (event["event"], event["demo"]) = (name.into(), "long".into());
        lines.push(event);
    }
    lines.iter().fold(String::new(), |file, line| file + &line.to_string() + "\n")
}

/// A run of 100,000 packets is a page of less than 2 MB that is open in less than a second.
#[test]
fn a_long_run_is_a_page_that_opens_at_once() {
    let folder = Directory::new();
    let [events, page] = ["run.jsonl", "run.html"].map(|name| folder.path().join(name));
    fs::write(&events, long_run(100_000)).unwrap();
    let [events, file] = [&events, &page].map(|path| path.to_str().unwrap());
    let args = ["run", "--replay", events, "--diagram", "none", "--html", file];
    let shown = scenarios(&args);
    assert_eq!(shown.code, 77, "{}", shown.stderr);
    let bytes = fs::metadata(&page).unwrap().len();
    assert!((100_000..2_000_000).contains(&bytes), "{bytes} bytes");
    let profile = Directory::new();
    let Some(mut browser) = Browser::start(profile.path()) else { return };
    // The machine may be busy with other tests: the page is as quick as it is at its best.
    let mut opened = |_| {
        let page = browser.open(Path::new(file), SIGHTS[0]);
        let took = "performance.getEntriesByType('navigation')[0].loadEventEnd";
        let took = browser.evaluate(&page, took).as_f64().unwrap();
        browser.close(&page);
        took
    };
    let quickest = (0..3).map(&mut opened).fold(f64::INFINITY, f64::min);
    assert!(quickest > 0.0 && quickest < 1000.0, "{quickest} ms");
    look_once(&mut browser, Path::new(file), SIGHTS[0]);
}

/// What a page gives to be saved is the run: shown again, it makes the same page.
#[test]
fn the_run_can_be_taken_out_of_its_page() {
    let folder = Directory::new();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    scenarios(&["run", "--replay", &recorded("backlog"), "--html", &at("first.html")]);
    let first = fs::read_to_string(at("first.html")).unwrap();
    let begin = "download=\"backlog.jsonl\" href=\"data:application/x-ndjson;base64,";
    let saved = first.split(begin).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    fs::write(at("backlog.base64"), saved).unwrap();
    let decoded = Command::new("base64").args(["-d", &at("backlog.base64")]).output().unwrap();
    assert!(decoded.status.success(), "{decoded:?}");
    let lines = String::from_utf8(decoded.stdout).unwrap();
    schema::conforms(
        &lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>(),
    );
    fs::write(at("backlog.jsonl"), lines).unwrap();
    let again = scenarios(&["run", "--replay", &at("backlog.jsonl"), "--html", &at("again.html")]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let again = fs::read_to_string(at("again.html")).unwrap();
    assert!(first == again, "another page");
    assert!(first.contains("id=\"theory\""), "a recording holds the theory");
}
