//! A chat whose standard output nobody reads, or that cannot be written: no line is lost without a word.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;
use std::thread;

use crate::relay::{OTHER, Session, said};
use crate::support::{Finished, LIMIT, Peer, Running, command};

/// More lines than may wait for the relay, so that they are read on after the reader has gone.
const LINES: u64 = 3000;

/// Reads one line of the output and goes, as `| head -1` does; then `typed` is typed.
#[track_caller]
fn unread(relay: &Peer, args: &[&str], typed: String) -> (Running, Session) {
    let mut child = command(&[&["chat", &relay.target()], args].concat()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut stdin = child.stdin.take().unwrap();
    let client = Running::watch(child, LIMIT);
    let session = Session::joined(relay, &[said(OTHER, 1, 1, "read"), said(OTHER, 2, 2, "x")]);
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    thread::spawn(move || stdin.write_all(typed.as_bytes()).unwrap());
    (client, session)
}

#[track_caller]
fn everything_is_sent(args: &[&str]) -> Finished {
    let relay = Peer::listen();
    let typed: Vec<_> = (0..LINES).map(|n| n.to_string()).collect();
    let (client, mut session) = unread(&relay, args, typed.join("\n"));
    for n in 0..LINES {
        assert_eq!(session.take_line(n + 3).1, n.to_string());
    }
    session.finish();
    let done = client.finish();
    assert_eq!(done.code, 0, "{done:?}");
    done
}

#[test]
fn what_is_typed_is_sent_to_its_end() {
    let done = everything_is_sent(&[]);
    let word = "nobody reads standard output any more; what you say is still sent\n";
    assert_eq!(done.stderr.matches(word).count(), 1, "{done:?}");
}

#[test]
fn events_that_nobody_reads_are_no_reason_to_stop() {
    let done = everything_is_sent(&["--json", "-q"]);
    assert_eq!(done.stderr, "");
}

#[test]
fn what_is_not_sent_is_told_where_no_event_can_be() {
    let relay = Peer::listen();
    let args = ["--json", "-q", "--drain", "300ms"];
    let (client, mut session) = unread(&relay, &args, "taken\nlost\n".into());
    session.take_line(3);
    let done = client.finish();
    done.failed(1, "1 line was not sent to 127.0.0.1:");
    assert!(
        done.stderr.contains("not sent: lost (the relay did not take it in time)\n"),
        "{done:?}"
    );
    drop(session);
}

#[test]
fn a_full_disk_is_a_failure_and_what_was_not_sent_is_told() {
    let relay = Peer::listen();
    let mut client = Running::start(&mut into_full_disk(&["chat", &relay.target()]));
    client.write(b"lost\n");
    let mut session = Session::joined(&relay, &[]);
    assert_eq!(session.line().1, "lost");
    session.send_frame(&said(OTHER, 1, 1, "has no place"));
    let done = client.finish();
    done.failed(1, "cannot write to standard output: no space left on device");
    let told = "not sent: lost (it ended before the relay took it)\n";
    assert!(done.stderr.contains(told), "{done:?}");
}

#[test]
fn events_that_have_no_place_are_a_failure() {
    let relay = Peer::listen();
    let client = Running::start(&mut into_full_disk(&["chat", &relay.target(), "--json"]));
    client.finish().failed(1, "cannot write to standard output: no space left on device");
}

fn into_full_disk(args: &[&str]) -> Command {
    let mut command = command(args);
    command.stdout(File::options().write(true).open("/dev/full").unwrap());
    command
}
