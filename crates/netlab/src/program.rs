//! A program in a host: started, listened to, and never left behind.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use serde::Serialize;

use crate::clock::{Clock, Moment};
use crate::family::{self, Family};
use crate::host::Host;

/// A running program. Dropping it kills it.
///
/// It dies with the lab as well, however that ends: see [`crate::enter()`]. Where there is no PID
/// namespace, the signal that its parent's death sends does the same for the program itself.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
}

/// One line that a program printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When it was read.
    pub at: Moment,
    /// The line without its end.
    pub text: String,
}

#[derive(Debug, Default)]
struct Output {
    state: Mutex<OutputState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct OutputState {
    lines: Vec<Line>,
    ended: bool,
}

impl Program {
    /// Starts `command` in `host`. Its standard output is kept line by line; its standard input is a
    /// pipe; its standard error is the lab's own.
    ///
    /// It is in a process group of its own: Ctrl-C at the terminal is for the lab, which ends it.
    pub fn start(host: &Host, clock: Clock, name: &str, mut command: Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = host.run(move || spawn(command))?;
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let output = Arc::new(Output::default());
        let of_thread = Arc::clone(&output);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(text) = line else { break };
                of_thread.lock().lines.push(Line { at: clock.now(), text });
                of_thread.changed.notify_all();
            }
            of_thread.lock().ended = true;
            of_thread.changed.notify_all();
        });
        Ok(Self { name: name.to_owned(), child, output })
    }

    /// The name that the scenario gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process number, as programs of the lab see it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Every line that it has printed so far.
    pub fn lines(&self) -> Vec<Line> {
        self.output.lock().lines.clone()
    }

    /// Waits for a line of which `read` makes something, at most for `limit`.
    ///
    /// `None` where the time ran out, or the program closed its output without such a line.
    pub fn wait_for<T>(&self, limit: Duration, read: impl Fn(&Line) -> Option<T>) -> Option<T> {
        self.wait_after(0, limit, read)
    }

    /// As [`Program::wait_for`], without the first `seen` lines.
    pub fn wait_after<T>(
        &self,
        mut seen: usize,
        limit: Duration,
        read: impl Fn(&Line) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.output.lock();
        loop {
            let new = state.lines.get(seen..).unwrap_or_default();
            if let Some(found) = new.iter().find_map(&read) {
                return Some(found);
            }
            seen = seen.max(state.lines.len());
            if state.ended {
                return None;
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let waited = self.output.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes to its standard input.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "standard input is closed");
        let stdin = self.child.stdin.as_mut().ok_or_else(gone)?;
        stdin.write_all(text.as_bytes())?;
        stdin.flush()
    }

    /// Takes its standard input, to be written to from elsewhere, or to be closed by dropping it.
    pub fn take_input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// How many processes and threads it is made of at this moment.
    pub fn family(&self) -> io::Result<Family> {
        family::of(self.child.id())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill(self.pid(), signal)?)
    }

    /// Stops it as SIGSTOP does, until SIGCONT, and waits until none of its threads runs any more.
    ///
    /// The signal alone is only a request: on a busy machine the program goes on for a while.
    pub fn stop(&self) -> io::Result<()> {
        self.signal(Signal::SIGSTOP)?;
        // A program that ends instead is told by `wait`, which must still find it.
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(self.pid()), flags)?;
        Ok(())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process number is positive"))
    }

    /// Kills it as `kill -9` does and waits until it is gone.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Waits until it has ended, at most for `limit`; `None` where it goes on.
    ///
    /// What it printed last has been read when this returns.
    pub fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        let mut state = self.output.lock();
        // Its output ends when it does: no program here hands it to another.
        while !state.ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Ok(None);
            };
            let waited = self.output.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.child.wait().map(Some)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, OutputState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a program ended, as a shell would report it: its exit code, or 128 and the signal.
pub fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

#[expect(unsafe_code, reason = "std offers nothing safe to run between fork and exec")]
fn spawn(mut command: Command) -> io::Result<Child> {
    // SAFETY: between fork and exec only `prctl` is called, which is async-signal-safe and allocates
    // nothing.
    unsafe { command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)) };
    command.spawn()
}
