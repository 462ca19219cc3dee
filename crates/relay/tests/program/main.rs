//! The program as the one who runs it sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "only the relay's core is pure; these are its clients"
)]

mod unread_output;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use socket2::SockRef;
use tokio::signal::unix::{SignalKind, signal};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program, which is killed where a test fails.
struct Relay {
    child: Child,
    /// `None` where a test has closed it.
    stdout: Option<BufReader<ChildStdout>>,
    address: String,
}

impl Relay {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_relay"))
            .args(["--json", "-p", "0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().map(BufReader::new);
        let mut relay = Self { child, stdout, address: String::new() };
        let listening = relay.event();
        assert_eq!(
            (&listening["event"], &listening["schema"]),
            (&"listening".into(), &"relay/1".into())
        );
        listening["addr"].as_str().unwrap().clone_into(&mut relay.address);
        relay
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn event(&mut self) -> Value {
        let stdout = self.stdout.as_mut().unwrap();
        if stdout.buffer().is_empty() {
            let mut ready = [PollFd::new(stdout.get_ref().as_fd(), PollFlags::POLLIN)];
            let patience = PollTimeout::try_from(PATIENCE).unwrap();
            assert_eq!(poll(&mut ready, patience), Ok(1), "no event came");
        }
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Reads on until an event of this name.
    fn event_of(&mut self, name: &str) -> Value {
        loop {
            let event = self.event();
            if event["event"] == name {
                return event;
            }
            assert_ne!(event["event"], "end", "it ended before {name}");
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            thread::yield_now();
        }
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Resident memory in KiB.
    fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program says where it must not start; where it starts all the same it is ended.
fn fails(args: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_relay"))
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        thread::yield_now();
    }
    child.wait_with_output().unwrap()
}

#[test]
fn events_tell_who_came_joined_left_and_how_it_ended() {
    let mut relay = Relay::start(&[]);
    let mut client = relay.connect();
    assert_eq!(relay.event()["event"], "open");
    client.write_all("/nick 小明\n/join 茶馆\n/quit\n".as_bytes()).unwrap();
    let mut heard = String::new();
    client.read_to_string(&mut heard).unwrap();
    assert!(
        heard.contains("* you are in 茶馆: 小明\n") && heard.ends_with("* goodbye\n"),
        "{heard}"
    );
    drop(client);
    let named = relay.event();
    assert_eq!((&named["event"], &named["name"]), (&"named".into(), &"小明".into()));
    let joined = relay.event();
    assert_eq!((&joined["event"], &joined["room"]), (&"joined".into(), &"茶馆".into()));
    let left = relay.event();
    assert_eq!((&left["event"], &left["ending"]), (&"left".into(), &"Done".into()));
    let closed = relay.event();
    assert_eq!((&closed["event"], &closed["ending"]), (&"closed".into(), &"Done".into()));
    assert_eq!(closed["name"], "小明");
    relay.signal(Signal::SIGINT);
    let end = relay.event_of("end");
    assert_eq!((&end["ok"], &end["exit"], &end["served"]), (&true.into(), &0.into(), &1.into()));
    assert_eq!(relay.exit_code(), Some(0));
}

#[test]
fn sigterm_with_everybody_talking_says_goodbye_and_ends_with_0() {
    let mut relay = Relay::start(&[]);
    let talkers: Vec<_> = (0..5)
        .map(|n| {
            let mut reader = relay.connect();
            let mut writer = reader.try_clone().unwrap();
            let speaking = thread::spawn(move || {
                let _ = write!(writer, "/nick talker {n}\n/join room\n");
                while writer.write_all(b"one more thing\n").is_ok() {}
            });
            thread::spawn(move || {
                let mut heard = Vec::new();
                let _ = reader.read_to_end(&mut heard);
                let _ = reader.shutdown(std::net::Shutdown::Both);
                speaking.join().unwrap();
                String::from_utf8(heard).unwrap()
            })
        })
        .collect();
    for _ in 0..5 {
        relay.event_of("joined");
    }
    relay.signal(Signal::SIGTERM);
    for talker in talkers {
        let heard = talker.join().unwrap();
        assert!(heard.ends_with("* goodbye: the relay shuts down\n"), "{heard:.200}");
    }
    assert_eq!(relay.event_of("end")["ok"], true);
    assert_eq!(relay.exit_code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut relay = Relay::start(&[]);
    // It takes nothing, so the relay would wait for it.
    let mut deaf = relay.connect();
    deaf.write_all(b"/join room\n").unwrap();
    relay.event_of("joined");
    relay.signal(Signal::SIGTERM);
    relay.event_of("draining");
    // The same again at once would be taken for the first.
    relay.signal(Signal::SIGINT);
    let end = relay.event_of("end");
    // It may have said its last words just before.
    assert!(end["exit"] == 130 || end["exit"] == 0, "{end}");
    assert_eq!(relay.exit_code().map(Value::from).as_ref(), Some(&end["exit"]));
}

/// Makes what this process starts hear SIGHUP, also where the tests run under nohup(1): an ignored signal
/// stays ignored in a child, one that has a handler gets its default back.
fn hear_hang_ups() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    // The handler stays when this is dropped.
    drop(signal(SignalKind::hangup()).unwrap());
}

#[test]
fn a_terminal_that_is_closed_says_goodbye_to_everybody() {
    hear_hang_ups();
    let mut relay = Relay::start(&[]);
    let mut client = relay.connect();
    client.write_all(b"/join room\n").unwrap();
    relay.event_of("joined");
    relay.signal(Signal::SIGHUP);
    let mut heard = String::new();
    client.read_to_string(&mut heard).unwrap();
    assert!(heard.ends_with("* goodbye: the relay shuts down\n"), "{heard}");
    drop(client);
    assert_eq!(relay.event_of("end")["ok"], true);
    assert_eq!(relay.exit_code(), Some(0));
}

#[test]
fn it_tells_how_it_is_doing_when_it_is_asked() {
    let mut relay = Relay::start(&[]);
    let mut client = relay.connect();
    client.write_all(b"/join room\n").unwrap();
    relay.event_of("joined");
    relay.signal(Signal::SIGUSR1);
    let stats = relay.event_of("stats");
    assert_eq!((&stats["open"], &stats["served"]), (&1.into(), &1.into()));
    writeln!(client, "still here").unwrap();
    let mut lines = BufReader::new(client).lines();
    assert!(lines.any(|line| line.unwrap().ends_with(": still here")));
}

#[test]
fn a_thousand_clients_that_reset_at_once_leave_nothing_behind() {
    let mut relay = Relay::start(&[]);
    let mut witness = relay.connect();
    witness.write_all(b"/nick witness\n/join quiet\n").unwrap();
    relay.event_of("joined");
    let descriptors = relay.descriptors();
    let mut memory = Vec::new();
    for round in 0..12 {
        let clients: Vec<_> = (0..1000).map(|_| relay.connect()).collect();
        for (n, mut client) in clients.iter().enumerate() {
            writeln!(client, "/nick c{n}\n/join room {}\nhello", n % 10).unwrap();
        }
        for _ in 0..1000 {
            relay.event_of("joined");
        }
        for client in &clients {
            SockRef::from(client).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(clients);
        for _ in 0..1000 {
            let closed = relay.event_of("closed");
            assert!(closed["ending"] == "PeerReset" || closed["ending"] == "PeerGone", "{closed}");
        }
        assert_eq!(relay.descriptors(), descriptors, "round {round}");
        memory.push(relay.memory());
    }
    // What the allocator keeps after some rounds serves the others, give or take what it scatters. Over the
    // eight later rounds connections that leave 512 bytes each fail the test.
    let early = memory[..4].iter().max().unwrap();
    assert!(memory[11] < early + 4096, "{memory:?}");
    writeln!(witness, "still here").unwrap();
    let mut lines = BufReader::new(witness).lines();
    assert!(lines.any(|line| line.unwrap() == "witness: still here"));
}

#[test]
fn every_flag_says_what_holds_without_it() {
    let help = Command::new(env!("CARGO_BIN_EXE_relay")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert_eq!(tests::help::flags_without_default(&help), [""; 0]);
}

#[test]
fn it_opens_to_the_network_only_where_it_is_told_to() {
    let refused = fails(&["0.0.0.0:0"]);
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("hint: --open-to-network says that everybody"), "{words}");
}

#[test]
fn a_port_that_is_in_use_is_refused_with_a_way_out() {
    let relay = Relay::start(&[]);
    let refused = fails(&[&relay.address, "--json"]);
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(
        words.contains("address already in use") && words.contains("relay 127.0.0.1:"),
        "{words}"
    );
    let end: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&end["event"], &end["error"]["kind"]), (&"end".into(), &"address_in_use".into()));
}
