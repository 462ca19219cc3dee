use std::fs;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::{Finished, Running};

use super::way::{Way, certificate_file};

/// A running `tcp-server --json`. It is killed when the test is over.
pub(crate) struct Program {
    pub(crate) addr: String,
    /// Its first event.
    pub(crate) listening: Value,
    pub(crate) running: Running,
}

/// What a program left behind.
pub(crate) struct Left {
    pub(crate) code: i32,
    pub(crate) stderr: String,
    /// Every event, from `listening` to `end`.
    pub(crate) events: Vec<Value>,
}

/// The program, to be started with any arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = tests::piped(env!("CARGO_BIN_EXE_tcp-server"), args);
    command.stdin(Stdio::null());
    command
}

impl Program {
    /// Starts it on a free port and waits until it listens.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(&mut command(&[&["-p", "0"], args].concat()))
    }

    /// The same, to be reached over this: its address is told where it listens on a Unix socket, and its
    /// certificate is that of the tests.
    pub(crate) fn over(way: Way, args: &[&str]) -> Self {
        let file = way.is_tls().then(certificate_file);
        let address = way.address();
        let mut all = vec![address.as_str()];
        if let Some(file) = &file {
            all.extend(["--cert", file, "--key", file]);
        }
        let program = Self::spawn(&mut command(&[&all[..], args].concat()));
        // It has read the file.
        file.map(fs::remove_file).transpose().unwrap();
        program
    }

    /// Starts a command that is made of [`command`] or ends in the program, and waits until it listens.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut running = Running::start(command.arg("--json"));
        let listening = running.stdout.take_event(|_| true);
        assert_eq!(listening["event"], "listening", "{listening}");
        Self { addr: listening["addr"].as_str().unwrap().to_owned(), listening, running }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.running.pid()
    }

    /// The next event, which must have this name.
    #[track_caller]
    pub(crate) fn event(&mut self, name: &str) -> Value {
        let event = self.next_event();
        assert_eq!(event["event"], name, "{event}");
        event
    }

    #[track_caller]
    pub(crate) fn next_event(&mut self) -> Value {
        self.running.stdout.take_event(|_| true)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Waits until the program has ended by itself.
    #[track_caller]
    pub(crate) fn wait(self) -> Left {
        let finished: Finished = self.running.finish();
        // The last event is the end, and says how.
        finished.end();
        let events = finished.events();
        Left { code: finished.code, stderr: finished.stderr, events }
    }
}

impl Left {
    /// The names of its events after `listening`.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.events.iter().skip(1).map(|event| event["event"].as_str().unwrap()).collect()
    }

    /// How its connections ended, in that order.
    pub(crate) fn endings(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event["ending"].as_str()).collect()
    }

    pub(crate) fn end(&self) -> &Value {
        self.events.last().unwrap()
    }
}
