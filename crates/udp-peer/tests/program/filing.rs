//! Files over UDP: whole, checked, and gone on with after a break.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::Running;
use tests::noise::{fingerprint, noise};

use crate::support::{Home, take};
use crate::wire::Wire;

/// A receiver on a free port, which puts files into a folder of its own.
fn receiver(home: &Home, options: &[&str]) -> (Running, String, PathBuf) {
    let inbox = home.path().join("inbox");
    let _ = fs::create_dir(&inbox);
    let args = ["recv-file", "-p", "0", "--dir", inbox.to_str().unwrap()];
    let (receiver, addr) = home.start_with_events(&[&args[..], options].concat());
    (receiver, addr, inbox)
}

fn file(home: &Home, name: &str, len: usize) -> String {
    let path = home.path().join(name);
    fs::write(&path, noise(len)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Waits until some of a file has come.
#[track_caller]
fn half_way(receiver: &mut Running) {
    let is_far =
        |event: &Value| event["event"] == "progress" && event["bytes"].as_u64() > Some(2_000_000);
    receiver.stdout.take_event(is_far);
}

#[track_caller]
fn same(one: impl AsRef<Path>, other: impl AsRef<Path>) {
    assert_eq!(fingerprint(one.as_ref()), fingerprint(other.as_ref()));
}

#[test]
fn files_and_folders_arrive_as_they_are() {
    let (home, other) = (Home::new(), Home::new());
    let (receiver, addr, inbox) = receiver(&home, &[]);
    let folder = other.path().join("照片");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("海.jpg"), noise(300_000)).unwrap();
    fs::write(folder.join("empty"), b"").unwrap();
    let report = file(&other, "report.tar", 2_000_000);
    let args = ["send-file", folder.to_str().unwrap(), &report, "--to", &addr];
    let done = other.run(&args, b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("sent 4 files and folders: 2.2 MiB"), "{}", done.stderr);
    let received = receiver.finish();
    assert_eq!(received.code, 0, "{}", received.stderr);
    assert_eq!(received.end()["files"], 4);
    same(inbox.join("report.tar"), &report);
    same(inbox.join("照片/海.jpg"), folder.join("海.jpg"));
    assert_eq!(fs::read(inbox.join("照片/empty")).unwrap(), b"");
}

/// How large the file is that goes over a bad wire, in MB, if `UDP_PEER_FILE_MB` does not say otherwise. With
/// a loss of 10 % the window of `NewReno` is four packets, so 50 MB take a minute and more.
const FILE_MB: usize = 10;

#[test]
fn over_a_bad_wire_it_is_as_if_nothing_were_wrong() {
    let (home, other) = (Home::new(), Home::new());
    let (mut receiver, addr, inbox) = receiver(&home, &[]);
    let size = std::env::var("UDP_PEER_FILE_MB").map_or(FILE_MB, |mb| mb.parse().unwrap());
    let big = file(&other, "big.bin", size * 1_000_000);
    let mut wire = Wire::to(&addr);
    wire.lose(10, 3);
    let near = wire.ends().0;
    let args = ["send-file", "--json", &big, "--to", &near];
    let limit = Duration::from_secs(60 + 5 * size as u64);
    let mut sender = Running::start_with_limit(&mut other.command(&args), limit);
    take(&mut sender, "progress");
    wire.cut(Duration::from_secs(5));
    let done = sender.finish();
    assert_eq!(done.code, 0, "{}", done.stderr);
    // One connection, which nobody gave up.
    let events = done.events();
    assert_eq!(events.iter().filter(|event| event["event"] == "connected").count(), 1);
    println!("{size} MB in {} s, {} datagrams lost", done.end()["seconds"], wire.lost());
    assert_eq!(take(&mut receiver, "kept")["path"], "big.bin");
    assert_eq!(receiver.finish().code, 0);
    same(inbox.join("big.bin"), &big);
    assert!(wire.lost() > 700 && wire.reordered() > 100, "{}", wire.lost());
}

#[test]
fn a_receiver_that_was_killed_goes_on_where_it_stopped() {
    let (home, other) = (Home::new(), Home::new());
    let (mut receiver_one, addr, inbox) = receiver(&home, &[]);
    let big = file(&other, "big.bin", 60_000_000);
    // A wire that is slow enough to be in the middle of it.
    let mut wire = Wire::to(&addr);
    wire.lose(5, 0);
    let near = wire.ends().0;
    let args = ["send-file", "--json", "--idle", "2s", &big, "--to", &near];
    let mut sender = other.start(&args);
    half_way(&mut receiver_one);
    receiver_one.signal(Signal::SIGKILL);
    receiver_one.finish();
    wire.lose(0, 0);
    let port = addr.rsplit(':').next().unwrap();
    let args = ["recv-file", "-p", port, "--dir", inbox.to_str().unwrap()];
    assert_eq!(take(&mut sender, "notice")["kind"], "broken");
    let (again, _) = home.start_with_events(&args);
    let done = sender.finish();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let received = again.finish();
    assert_eq!(received.code, 0, "{}", received.stderr);
    let crossed = received.end()["bytes"].as_u64().unwrap();
    assert!(crossed < 59_000_000, "all of it crossed again: {crossed}");
    same(inbox.join("big.bin"), &big);
}

#[test]
fn a_sender_that_was_killed_comes_back_and_goes_on() {
    let (home, other) = (Home::new(), Home::new());
    let (mut receiver, addr, inbox) = receiver(&home, &[]);
    let big = file(&other, "big.bin", 60_000_000);
    let mut wire = Wire::to(&addr);
    wire.lose(5, 0);
    let near = wire.ends().0;
    let sender = other.start(&["send-file", &big, "--to", &near]);
    half_way(&mut receiver);
    sender.signal(Signal::SIGKILL);
    sender.finish();
    wire.lose(0, 0);
    let wire = Wire::to(&addr);
    // He is heard at once, and not when the old connection is given up.
    let done = other.run(&["send-file", "--json", &big, "--to", &wire.ends().0], b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let crossed = done.end()["bytes"].as_u64().unwrap();
    assert!(crossed < 59_000_000, "all of it crossed again: {crossed}");
    assert_eq!(receiver.finish().code, 0);
    same(inbox.join("big.bin"), &big);
}

#[test]
fn who_does_something_else_is_told_apart() {
    let (home, other) = (Home::new(), Home::new());
    let small = file(&other, "small.txt", 100);
    let (_lines, addr) = home.start_with_events(&["recv", "--reliable", "-p", "0"]);
    let done = other.run(&["send-file", &small, "--to", &addr], b"");
    done.failed(1, "receives no files");
    let missing = other.path().join("missing");
    let args = ["send-file", missing.to_str().unwrap(), "--to", &addr];
    other.run(&args, b"").failed(2, "nothing to send");
}

#[test]
fn a_receiver_is_given_away_to_nobody_else() {
    let (home, friend, stranger) = (Home::new(), Home::new(), Home::new());
    let key = friend.key();
    let (mut receiver, addr, inbox) = receiver(&home, &["--peer-key", &key]);
    let theirs = file(&stranger, "theirs.txt", 100);
    let done = stranger.run(&["send-file", &theirs, "--to", &addr, "-r", "0"], b"");
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert_eq!(take(&mut receiver, "stranger")["key"], stranger.key());
    let ours = file(&friend, "ours.txt", 100);
    assert_eq!(friend.run(&["send-file", &ours, "--to", &addr], b"").code, 0);
    assert_eq!(receiver.finish().code, 0);
    assert!(inbox.join("ours.txt").exists() && !inbox.join("theirs.txt").exists());
}

#[test]
fn nobody_in_time_is_told() {
    let home = Home::new();
    let (receiver, ..) = receiver(&home, &["-W", "200ms"]);
    receiver.finish().failed(124, "nobody has sent everything within 200ms");
    let args = ["recv-file", "-p", "0", "--dir", "/nowhere/at/all"];
    home.run(&args, b"").failed(2, "cannot put files into /nowhere/at/all");
}
