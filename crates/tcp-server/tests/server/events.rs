//! What the program tells, to a person and to a program.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::Running;

use crate::support::program::{Program, command};
use crate::support::{assert_echoes, connect, eventually};

#[track_caller]
fn assert_keys(event: &Value, expected: &[&str]) {
    let mut keys: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn the_events_of_a_connection() {
    let mut program = Program::start(&["--backlog", "7", "--max-conns", "3"]);
    let mut client = connect(&program.addr);
    assert_echoes(&mut client, "hello\n");
    let peer = client.local_addr().unwrap().to_string();
    client.shutdown(Shutdown::Write).unwrap();
    program.event("open");
    program.event("closed");
    program.signal(Signal::SIGTERM);
    let left = program.wait();
    assert_eq!(left.code, 0);

    let [listening, open, closed, end] = &left.events[..] else { panic!("{:?}", left.events) };
    let keys = ["addr", "backlog", "event", "max_conns", "mode", "schema", "ts"];
    assert_keys(listening, &keys);
    assert_eq!(listening["event"], "listening");
    assert_eq!(listening["schema"], "tcp-server/1");
    assert_eq!(listening["mode"], "echo");
    assert_eq!((&listening["backlog"], &listening["max_conns"]), (&7.into(), &3.into()));

    assert_keys(open, &["conn", "event", "peer", "ts"]);
    assert_eq!((&open["event"], &open["conn"]), (&"open".into(), &1.into()));
    assert_eq!(open["peer"], peer.as_str());

    let keys = ["conn", "detail", "ending", "event", "peer", "received", "seconds", "sent", "ts"];
    assert_keys(closed, &keys);
    assert_eq!((&closed["event"], &closed["conn"]), (&"closed".into(), &1.into()));
    assert_eq!((&closed["received"], &closed["sent"]), (&6.into(), &6.into()));
    assert_eq!(closed["ending"], "PeerFin");
    assert_eq!(closed["detail"], "closed by peer (FIN)");
    assert_eq!(closed["peer"], peer.as_str());
    assert!(closed["seconds"].as_f64().unwrap() > 0.0);

    assert_keys(end, &["event", "exit", "ok", "served", "ts"]);
    assert_eq!(end["served"], 1);
}

#[test]
fn the_story_of_a_connection_goes_to_standard_error() {
    let mut running = Running::start(&mut command(&["-p", "0"]));
    running.stderr.wait_for("Ctrl-C stops.\n");
    let first = running.stderr.line_with("listening on");
    let addr = first.rsplit(' ').next().unwrap().to_owned();
    let mut client = connect(&addr);
    assert_echoes(&mut client, "hello\n");
    let peer = client.local_addr().unwrap();
    drop(client);
    running.stderr.wait_for("closed by peer");
    let second = connect(&addr);
    running.stderr.wait_for("conn=2");
    running.signal(Signal::SIGINT);
    running.stderr.wait_for("draining");
    drop(second);
    let finished = running.finish();
    assert_eq!(finished.code, 0);
    assert_eq!(finished.stdout_text(), "", "standard output carries data only");

    let mut lines = finished.stderr.lines();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(lines.next().unwrap(), format!("tcp-server {version}  echo  listening on {addr}"));
    assert!(lines.next().unwrap().starts_with("  try it:  nc 127.0.0.1 "));
    assert!(lines.next().unwrap().starts_with("  only this machine can connect"));
    let (time, open) = lines.next().unwrap().split_once(' ').unwrap();
    assert_eq!(time.len(), "14:03:07.412".len());
    assert_eq!(open, format!("conn=1 peer={peer} open"));
    let (_, closed) = lines.next().unwrap().split_once(' ').unwrap();
    let expected = format!("conn=1 peer={peer} closed by peer (FIN)  recv=6 sent=6 dur=0.");
    assert!(closed.starts_with(&expected) && closed.ends_with('s'), "{closed}");
    assert!(lines.next().unwrap().ends_with(" open"));
    let draining = "draining 1 connection, at most 10s (Ctrl-C again stops now)";
    assert_eq!(lines.next().unwrap(), draining);
    assert!(lines.next().unwrap().contains("conn=2 "));
    assert!(lines.next().unwrap().ends_with(" stopped  served=2"));
    assert_eq!(lines.next(), None);
}

#[test]
fn quiet_is_quiet() {
    let path = std::env::temp_dir().join(format!("tcp-server-quiet-{}", std::process::id()));
    let addr = format!("unix:{}", path.display());
    let running = Running::start(&mut command(&["--quiet", "--once", &addr]));
    eventually("the socket", || UnixStream::connect(&path).ok());
    let finished = running.finish();
    finished.silent();
    assert_eq!(finished.stdout_text(), "");
}

/// A program that is told to be verbose still tells its events, and nothing else, on standard output.
#[test]
fn verbosity_does_not_touch_the_events() {
    let mut program = Program::start(&["-vvv"]);
    drop(connect(&program.addr));
    program.event("open");
    program.event("closed");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().code, 0);
}
