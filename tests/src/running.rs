//! A program that runs: what it is given, what it says, and how it ends.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt;
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long anything may take before the test has failed. Nothing takes a tenth of it, also on a busy
/// machine.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A command with pipes for standard input, output and error, in the plainest locale and terminal. What
/// a test changes of it, holds.
pub fn piped(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_remove("RUST_LOG").env("LC_ALL", "C").env("TERM", "dumb");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// What it has said on standard output.
    pub stdout: Output,
    /// What it has said on standard error.
    pub stderr: Output,
    pid: Pid,
    stdin: Option<ChildStdin>,
    status: Receiver<(ExitStatus, Instant)>,
    limit: Duration,
    ended: bool,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code, or what a shell makes of a signal: 128 and its number.
    pub code: i32,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Standard output, from the start.
    pub stdout: Vec<u8>,
    /// Standard error, from the start.
    pub stderr: String,
    /// When it ended.
    pub at: Instant,
}

impl Running {
    /// Starts a command. Make it with [`piped`]: what is not a pipe cannot be written or read here.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self::start_with_limit(command, LIMIT)
    }

    /// The same for a program that may take longer than [`LIMIT`] to say something, or to end.
    #[track_caller]
    pub fn start_with_limit(command: &mut Command, limit: Duration) -> Self {
        match command.spawn() {
            Ok(child) => Self::watch(child, limit),
            Err(error) => panic!("{command:?}: {error}"),
        }
    }

    /// Watches a program that was started elsewhere. A pipe that was taken away is not read here.
    pub fn watch(mut child: Child, limit: Duration) -> Self {
        Self {
            stdout: Output::of(child.stdout.take(), limit),
            stderr: Output::of(child.stderr.take(), limit),
            pid: Pid::from_raw(child.id().try_into().unwrap()),
            stdin: child.stdin.take(),
            status: status_of(child),
            limit,
            ended: false,
        }
    }

    /// The number of its process.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Writes to its standard input.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().expect("standard input is open").write_all(bytes).unwrap();
    }

    /// Ends its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Gives its standard input away, to be written by another thread.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("standard input is open")
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Waits until it has ended by itself. Its standard input stays as it is: a program that should end
    /// while more could be typed has to.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let Ok((status, at)) = self.status.recv_timeout(self.limit) else {
            let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
            panic!("still running after {:?}\n{stdout}\n{stderr}", self.limit);
        };
        self.ended = true;
        Finished {
            code: status.code().or(status.signal().map(|signal| 128 + signal)).unwrap(),
            signal: status.signal(),
            stdout: self.stdout.rest(),
            stderr: String::from_utf8_lossy(&self.stderr.rest()).into_owned(),
            at,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            // It fails where the program has ended in this moment.
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

fn status_of(mut child: Child) -> Receiver<(ExitStatus, Instant)> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let status = child.wait().unwrap();
        // Nobody waits for a program that was dropped.
        let _ = sender.send((status, Instant::now()));
    });
    receiver
}

/// What comes out of a program, or of a terminal, read by a thread so that the program never waits for the
/// test.
pub struct Output {
    chunks: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    /// How much of `seen` has been read as events.
    parsed: usize,
    /// Events that nobody has asked for yet.
    events: VecDeque<Value>,
    limit: Duration,
}

impl Output {
    /// What comes out of `reader`, where there is one; nothing is waited for longer than `limit`.
    pub fn of(reader: Option<impl Read + Send + 'static>, limit: Duration) -> Self {
        let (sender, chunks) = channel();
        if let Some(mut reader) = reader {
            thread::spawn(move || {
                let mut buf = vec![0; 64 * 1024];
                // A terminal whose other side is gone gives an error in place of an end.
                while let Ok(count @ 1..) = reader.read(&mut buf) {
                    if sender.send(buf[..count].to_vec()).is_err() {
                        return;
                    }
                }
            });
        }
        Self { chunks, seen: Vec::new(), parsed: 0, events: VecDeque::new(), limit }
    }

    /// What has come so far and was looked at.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits until this has come out, and gives everything so far.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + self.limit;
        while !self.text().contains(text) {
            self.more(deadline, text);
        }
        self.text()
    }

    /// Waits for a whole line that has this in it.
    #[track_caller]
    pub fn line_with(&mut self, text: &str) -> String {
        let deadline = Instant::now() + self.limit;
        loop {
            let all = self.text();
            let mut lines = all.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            if let Some(line) = lines.find(|line| line.contains(text)) {
                return line.trim_end().to_owned();
            }
            self.more(deadline, text);
        }
    }

    /// Takes the first event of which this is true, and waits for it if it has not come yet. Others stay
    /// to be taken later, so that their order does not matter.
    #[track_caller]
    pub fn take_event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + self.limit;
        loop {
            self.parse();
            if let Some(at) = self.events.iter().position(&wanted) {
                return self.events.remove(at).expect("it was found there");
            }
            self.more(deadline, "the event");
        }
    }

    /// Takes every event up to the first of which this is true, and waits for that one.
    #[track_caller]
    pub fn take_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + self.limit;
        loop {
            self.parse();
            if let Some(at) = self.events.iter().position(&wanted) {
                return self.events.drain(..=at).collect();
            }
            self.more(deadline, "the event");
        }
    }

    /// Turns the lines that are complete into events.
    fn parse(&mut self) {
        while let Some(len) = self.seen[self.parsed..].iter().position(|&byte| byte == b'\n') {
            let line = &self.seen[self.parsed..self.parsed + len];
            let event = serde_json::from_slice(line);
            let event = event.unwrap_or_else(|why| panic!("{why}: {}", line.escape_ascii()));
            self.events.push_back(event);
            self.parsed += len + 1;
        }
    }

    #[track_caller]
    fn more(&mut self, deadline: Instant, awaited: &str) {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.chunks.recv_timeout(left) {
            Ok(chunk) => self.seen.extend(chunk),
            Err(RecvTimeoutError::Timeout) => {
                panic!("{awaited:?} has not come within {:?}, only {:?}", self.limit, self.text())
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{awaited:?} never came, only {:?}", self.text())
            }
        }
    }

    #[track_caller]
    fn rest(&mut self) -> Vec<u8> {
        loop {
            match self.chunks.recv_timeout(self.limit) {
                Ok(chunk) => self.seen.extend(chunk),
                Err(RecvTimeoutError::Disconnected) => return std::mem::take(&mut self.seen),
                Err(RecvTimeoutError::Timeout) => panic!("somebody holds the output open"),
            }
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&self.text()).finish()
    }
}

impl Finished {
    /// Standard output as text.
    #[track_caller]
    pub fn stdout_text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    /// The events on standard output.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let lines = self.stdout_text().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last event, which must be an `end` that has the exit code in it.
    #[track_caller]
    pub fn end(&self) -> Value {
        let end = self.events().pop().expect("there is an event");
        assert_eq!(end["event"], "end", "{end}");
        assert_eq!(end["exit"], self.code, "{end}");
        assert_eq!(end["ok"], self.code == 0, "{end}");
        end
    }

    /// Checks that it failed with this code and an error that has this in it.
    #[track_caller]
    pub fn failed(&self, code: i32, message: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let error = self.stderr.lines().find(|line| line.starts_with("error: "));
        let error = error.unwrap_or_else(|| panic!("no error in {:?}", self.stderr));
        assert!(error.contains(message), "{message:?} is not in {error:?}");
    }

    /// Checks that it ended well and had nothing to say about it.
    #[track_caller]
    pub fn silent(&self) {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
    }
}
