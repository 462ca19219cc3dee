use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{PATIENCE, eventually};

/// A running `tcp-server --json`. It is killed when the test is over.
pub(crate) struct Program {
    pub(crate) addr: String,
    pub(crate) stdin: Option<ChildStdin>,
    child: Child,
    events: Receiver<Value>,
    stderr: Option<JoinHandle<String>>,
}

/// What a program left behind.
pub(crate) struct Left {
    pub(crate) code: i32,
    /// The events that nobody had asked for yet.
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

/// The program, to be started with any arguments.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcp-server"));
    command.stdin(Stdio::null());
    command
}

impl Program {
    /// Starts it on a free port and waits until it listens.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = command();
        command.args(["-p", "0"]).args(args);
        Self::spawn(command)
    }

    /// Starts `command`, which has arguments already, and waits until it listens.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().unwrap();
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let event = serde_json::from_str(&line.unwrap()).unwrap();
                // A test that has ended listens no more.
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut program = Self { addr: String::new(), stdin, child, events, stderr: Some(stderr) };
        let listening = program.event("listening");
        listening["addr"].as_str().unwrap().clone_into(&mut program.addr);
        program
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next event, which must have this name.
    #[track_caller]
    pub(crate) fn event(&self, name: &str) -> Value {
        let event = self.next_event();
        assert_eq!(event["event"], name, "{event}");
        event
    }

    #[track_caller]
    pub(crate) fn next_event(&self) -> Value {
        self.events.recv_timeout(PATIENCE).expect("the program tells something")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).unwrap();
    }

    /// Waits until the program has ended by itself.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Left {
        let status = eventually("the program's end", || self.child.try_wait().unwrap());
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let code = status.code().unwrap_or_else(|| panic!("{status}: {stderr}"));
        Left { code, events: self.events.iter().collect(), stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It fails where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
