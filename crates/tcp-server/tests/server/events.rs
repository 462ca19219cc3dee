//! What the program tells, to a person and to a program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::program::{Program, command};
use crate::support::{assert_echoes, connect, eventually};

#[track_caller]
fn keys(event: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn the_events_of_a_connection() {
    let mut command = command();
    command.args(["-p", "0", "--backlog", "7", "--max-conns", "3"]).arg("--json");
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };

    let listening = next();
    assert_eq!(listening["event"], "listening");
    assert_eq!(listening["schema"], "tcp-server/1");
    assert_eq!(listening["mode"], "echo");
    assert_eq!((&listening["backlog"], &listening["max_conns"]), (&7.into(), &3.into()));
    let mut client = connect(listening["addr"].as_str().unwrap());
    assert_echoes(&mut client, "hello\n");
    let peer = client.local_addr().unwrap().to_string();

    let open = next();
    assert_eq!(keys(&open), ["conn", "event", "peer", "ts"]);
    assert_eq!((&open["event"], &open["conn"]), (&"open".into(), &1.into()));
    assert_eq!(open["peer"], peer.as_str());

    client.shutdown(Shutdown::Write).unwrap();
    let closed = next();
    let expected =
        ["conn", "detail", "ending", "event", "peer", "received", "seconds", "sent", "ts"];
    assert_eq!(keys(&closed), expected);
    assert_eq!((&closed["event"], &closed["conn"]), (&"closed".into(), &1.into()));
    assert_eq!((&closed["received"], &closed["sent"]), (&6.into(), &6.into()));
    assert_eq!(closed["ending"], "PeerFin");
    assert_eq!(closed["detail"], "closed by peer (FIN)");
    assert_eq!(closed["peer"], peer.as_str());
    assert!(closed["seconds"].as_f64().unwrap() > 0.0);

    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let end = next();
    assert_eq!(keys(&end), ["event", "exit", "ok", "served", "ts"]);
    assert_eq!((&end["ok"], &end["exit"], &end["served"]), (&true.into(), &0.into(), &1.into()));
    assert!(lines.next().is_none(), "nothing comes after the end");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_story_of_a_connection_goes_to_standard_error() {
    let mut child =
        command().args(["-p", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let addr = first.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        first,
        format!("tcp-server {}  echo  listening on {addr}", env!("CARGO_PKG_VERSION"))
    );
    assert!(lines.next().unwrap().starts_with("  try it:  nc 127.0.0.1 "));
    assert!(lines.next().unwrap().ends_with(".  Ctrl-C stops."));

    let mut client = connect(&addr);
    assert_echoes(&mut client, "hello\n");
    let peer = client.local_addr().unwrap();
    let (time, open) = split_time(&lines.next().unwrap());
    assert_eq!(time.len(), "14:03:07.412".len());
    assert_eq!(open, format!("conn=1 peer={peer} open"));
    drop(client);
    let (_, closed) = split_time(&lines.next().unwrap());
    let expected = format!("conn=1 peer={peer} closed by peer (FIN)  recv=6 sent=6 dur=0.");
    assert!(closed.starts_with(&expected) && closed.ends_with('s'), "{closed}");

    let client = connect(&addr);
    split_time(&lines.next().unwrap());
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(
        lines.next().unwrap(),
        "draining 1 connection, at most 10s (Ctrl-C again stops now)"
    );
    drop(client);
    assert!(eventually("the program's end", || child.try_wait().unwrap()).success());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(stdout, "", "standard output carries data only");
}

fn split_time(line: &str) -> (String, String) {
    let (time, rest) = line.split_once(' ').unwrap();
    (time.to_owned(), rest.to_owned())
}

#[test]
fn quiet_is_quiet() {
    let path = std::env::temp_dir().join(format!("tcp-server-quiet-{}", std::process::id()));
    let mut child = command()
        .args(["--quiet", "--once"])
        .arg(format!("unix:{}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the socket", || UnixStream::connect(&path).ok());
    assert!(eventually("the program's end", || child.try_wait().unwrap()).success());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.stdout, output.stderr), (vec![], vec![]));
}

/// A program that is told to be verbose still tells its events in order on standard output.
#[test]
fn verbosity_does_not_touch_the_events() {
    let program = Program::start(&["-vvv"]);
    drop(connect(&program.addr));
    program.event("open");
    program.event("closed");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().code, 0);
}
