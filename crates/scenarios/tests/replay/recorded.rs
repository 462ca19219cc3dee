//! Recorded runs, rendered again by the program.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
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

/// What is too long is broken, between words where there are any, and nothing is left out for that.
#[test]
fn a_recorded_run_fits_into_a_narrow_terminal() {
    let words = |text: &str| {
        text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
    };
    for name in RECORDED {
        let events = recorded(&format!("{name}.jsonl"));
        let shown = |columns: usize, options: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_scenarios"));
            command.args(["run", "--replay"]).arg(&events).args(options);
            let shown = command.env("COLUMNS", columns.to_string()).output().unwrap();
            String::from_utf8(shown.stdout).unwrap()
        };
        for columns in [40, 60, 72, 80, 100] {
            for options in ["unicode", "stable", "ascii"].iter().flat_map(|set| {
                ["auto", "ladder", "list"].map(|form| ["--glyphs", set, "--diagram", form])
            }) {
                let narrow = shown(columns, &options);
                let long: Vec<&str> =
                    narrow.lines().filter(|line| line.width() > columns).collect();
                assert!(long.is_empty(), "{name}, {columns} columns, {options:?}: {long:#?}");
            }
        }
        for columns in [72, 80] {
            let drawn = ["--glyphs", "unicode", "--diagram", "ladder"];
            let [narrow, wide] = [columns, 1000].map(|columns| words(&shown(columns, &drawn)));
            assert_eq!(narrow, wide, "{name}, {columns} columns");
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
