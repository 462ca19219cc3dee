//! The `bench` program as a person and a script meet it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

fn bench(args: &[&str]) -> Output {
    run(Path::new(BENCH), args)
}

fn run(program: &Path, args: &[&str]) -> Output {
    Command::new(program).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn events(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn without_a_name_it_lists_what_there_is() {
    let output = bench(&[]);
    assert_eq!(output.status.code(), Some(0));
    let list = text(&output.stdout);
    let names: Vec<_> = list.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["framing", "tcp", "relay", "wire", "all"]);
}

#[test]
fn a_name_that_does_not_exist_is_a_usage_error() {
    let output = bench(&["framming"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: "), "{}", text(&output.stderr));
}

#[test]
fn the_events_of_a_run_are_complete() {
    let output = bench(&["framing", "--quick", "--time", "1ms", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let events = events(&output);
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(events[0]["event"], "start");
    assert_eq!(events[0]["schema"], "bench/1");
    assert_eq!(events[0]["command"], "cargo xtask bench framing --quick --time 1ms --format json");
    assert_eq!(of("bench")[0]["peers"][0]["name"], "LengthDelimitedCodec");
    // Eight works, three contenders, a warm-up and three rounds.
    assert_eq!(of("round").len(), 8 * 3 * 4);
    let rows = of("row");
    assert_eq!(rows.len(), 16);
    for row in &rows {
        let (ours, theirs) = (row["ours"].as_f64().unwrap(), row["theirs"].as_f64().unwrap());
        let (ratio, goal) = (row["ratio"].as_f64().unwrap(), row["goal"].as_f64().unwrap());
        assert!((ratio - ours / theirs).abs() < 1e-9);
        assert_eq!(row["met"], ratio >= goal);
    }
    let end = events.last().unwrap();
    assert_eq!((&end["event"], &end["ok"], &end["exit"]), (&"end".into(), &true.into(), &0.into()));
    let met = rows.iter().filter(|row| row["met"] == true).count();
    assert_eq!((&end["rows"], &end["met"]), (&16.into(), &met.into()));
    assert_eq!((&end["missed"], &end["skipped"]), (&(16 - met).into(), &0.into()));
}

#[test]
fn a_table_goes_between_its_markers() {
    let folder = folder("update");
    let document = folder.join("benchmarks.md");
    fs::write(&document, "before\n<!-- bench:framing -->\n<!-- end of bench:framing -->\nafter\n")
        .unwrap();
    let path = document.to_str().unwrap();
    let args = ["framing", "--quick", "--time", "1ms", "--markdown", "--update", path];
    let output = bench(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.starts_with("| work | ours |"), "{table}");
    assert!(table.contains("Measured by `cargo xtask bench framing --quick --time 1ms`:"));
    assert_eq!(
        fs::read_to_string(&document).unwrap(),
        format!(
            "before\n<!-- bench:framing -->\n\n{table}\n<!-- end of bench:framing -->\nafter\n"
        )
    );

    fs::write(&document, "no markers").unwrap();
    let output = bench(&["framing", "--quick", "--time", "1ms", "-q", "--update", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("has no place for the table of framing"));
    assert_eq!(fs::read_to_string(&document).unwrap(), "no markers");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_program_that_is_not_built_is_named_with_the_command_that_builds_it() {
    let folder = folder("alone");
    let alone = folder.join("bench");
    // A copy would have been open for writing, and a test that starts a program just then keeps it so.
    fs::hard_link(BENCH, &alone).unwrap();
    let output = run(&alone, &["tcp", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let end = events(&output).pop().unwrap();
    assert_eq!(
        (&end["event"], &end["ok"], &end["exit"]),
        (&"end".into(), &false.into(), &2.into())
    );
    assert_eq!(end["error"]["kind"], "not_built");
    let hint = end["error"]["hints"][0].as_str().unwrap();
    assert!(hint.starts_with("build it: cargo build ") && hint.contains("-p tcp-server"), "{hint}");
    assert!(text(&output.stderr).contains(hint));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_peer_ends_with_the_thread_that_started_it() {
    // The kernel counts the end of the parent's thread as the parent's end, so no process need be killed
    // to see it.
    let start = || {
        let parent = process::id().to_string();
        let mut peer = Command::new(BENCH)
            .args(["as-peer", &parent, "--", BENCH, "bare-echo"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(peer.stdout.take().unwrap());
        let mut listening = String::new();
        stdout.read_line(&mut listening).unwrap();
        assert!(listening.contains("listening"), "{listening}");
        (peer, stdout)
    };
    let (mut peer, mut stdout) = thread::spawn(start).join().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(stdout.read_line(&mut String::new()).unwrap()));
    let end = receiver.recv_timeout(Duration::from_secs(10));
    // It does nothing to a peer that has ended, and ends one that has not.
    peer.kill().unwrap();
    assert_eq!(end, Ok(0));
    assert_eq!(peer.wait().unwrap().signal(), Some(9));
}

#[test]
fn a_peer_whose_starter_has_gone_does_not_begin() {
    let output = bench(&["as-peer", "1", "--", "true"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the benchmark has ended"));
}
