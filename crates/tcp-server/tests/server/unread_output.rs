//! Nobody reads what the server tells, or nobody can any more: it serves on, and ends when it is asked to.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{LIMIT, Running};

use crate::support::program::command;
use crate::support::{assert_echoes, connect};

/// More connections than a pipe of 64 KiB holds lines about.
const MANY: usize = 700;

/// A program one of whose outputs is read by the test alone, and by nobody while the test does not.
struct Unread<R> {
    running: Running,
    output: BufReader<R>,
    addr: String,
}

/// With `--json`, when it has said where it listens.
fn events(args: &[&str]) -> Unread<impl Read + Send + 'static> {
    let mut child = command(&[&["--json"], args].concat()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let running = Running::watch(child, LIMIT);
    let addr = event(&mut output)["addr"].as_str().unwrap().to_owned();
    Unread { running, output, addr }
}

/// With a story on standard error, when it has said where it listens.
fn story() -> Unread<impl Read + Send + 'static> {
    let mut child = command(&["-p", "0"]).spawn().unwrap();
    let mut output = BufReader::new(child.stderr.take().unwrap());
    let running = Running::watch(child, LIMIT);
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let addr = first.trim_end().rsplit(' ').next().unwrap().to_owned();
    Unread { running, output, addr }
}

#[track_caller]
fn event(output: &mut BufReader<impl Read>) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

impl<R: Read + Send + 'static> Unread<R> {
    #[track_caller]
    fn assert_serves(&self) {
        for _ in 0..MANY {
            assert_echoes(&mut connect(&self.addr), "hello");
        }
    }

    /// Asks it to stop, while its output is still open and still unread.
    #[track_caller]
    fn assert_stops(self) {
        self.running.signal(Signal::SIGTERM);
        assert_eq!(self.running.finish().code, 0);
    }
}

#[test]
fn it_serves_and_stops_while_nobody_reads_its_events() {
    let server = events(&["-p", "0"]);
    server.assert_serves();
    server.assert_stops();
}

#[test]
fn it_serves_and_stops_while_nobody_reads_its_story() {
    let server = story();
    server.assert_serves();
    server.assert_stops();
}

#[test]
fn a_second_signal_ends_it_while_nobody_reads() {
    let Unread { running, output: _output, addr } = events(&["-p", "0", "--drain", "1h"]);
    for _ in 0..MANY {
        assert_echoes(&mut connect(&addr), "hello");
    }
    let mut client = connect(&addr);
    assert_echoes(&mut client, "hello");
    // Two of one kind could become one before it is seen.
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGINT);
    let code = running.finish().code;
    assert!(code == 130 || code == 143, "{code}");
}

#[test]
fn it_serves_on_when_the_reader_of_its_events_has_gone() {
    let Unread { running, output, addr } = events(&["-p", "0"]);
    let mut client = connect(&addr);
    assert_echoes(&mut client, "hello");
    drop(output);
    for _ in 0..3 {
        assert_echoes(&mut connect(&addr), "hello");
    }
    assert_echoes(&mut client, "still here");
    running.signal(Signal::SIGTERM);
    running.finish().silent();
}

#[test]
fn it_serves_on_when_the_reader_of_its_story_has_gone() {
    let Unread { running, output, addr } = story();
    drop(output);
    for _ in 0..3 {
        assert_echoes(&mut connect(&addr), "hello");
    }
    running.signal(Signal::SIGTERM);
    assert_eq!(running.finish().code, 0);
}

/// A client whose events were lost is in the count, and what is told is in order.
#[test]
fn events_that_nobody_reads_in_time_are_counted() {
    const CLIENTS: usize = 8000;
    let path = std::env::temp_dir().join(format!("tcp-server-unread-{}", std::process::id()));
    let address = format!("unix:{}", path.display());
    let Unread { running, mut output, .. } = events(&[&address]);
    for _ in 0..CLIENTS {
        let client = UnixStream::connect(&path).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!((&client).read(&mut [0]).unwrap(), 0);
    }
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Value| event["event"] != "lost") {
        events.push(event(&mut output));
    }
    // It is read on before the server is asked to end, which waits for no reader that has stopped.
    let reading = std::thread::spawn(move || {
        let events = output.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        events.collect::<Vec<Value>>()
    });
    running.signal(Signal::SIGTERM);
    assert_eq!(running.finish().code, 0);

    events.extend(reading.join().unwrap());
    let (mut told, mut lost) = (0, 0);
    for event in &events {
        match event["event"].as_str().unwrap() {
            "lost" => lost += event["events"].as_u64().unwrap(),
            "open" | "closed" => told += 1,
            "draining" | "end" => {}
            other => panic!("{other} was not expected"),
        }
    }
    assert_eq!(told + lost, 2 * CLIENTS as u64);
    let end = events.last().unwrap();
    assert_eq!((&end["event"], &end["served"]), (&"end".into(), &CLIENTS.into()));
}

/// What a client says to the person at the server is data, and no reason to wait either.
#[test]
fn a_client_is_heard_whether_or_not_anybody_reads_what_he_says() {
    let mut child = command(&["-p", "0", "-m", "chat"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut running = Running::watch(child, LIMIT);
    let first = running.stderr.line_with("listening on ");
    let mut client = connect(first.rsplit(' ').next().unwrap());
    let line = format!("{}\n", "x".repeat(1000));
    for _ in 0..3000 {
        client.write_all(line.as_bytes()).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);

    let reading = std::thread::spawn(move || {
        let mut said = String::new();
        stdout.read_to_string(&mut said).unwrap();
        said.lines().count()
    });
    let told = running.stderr.line_with("of standard output not written, as nobody read them");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.finish().code, 0);
    let lost: usize = told.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(reading.join().unwrap() + lost, 3000, "{told}");
}
