//! A look into the hosts of a demo while it plays, by other programs than ours.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::Running;
use tests::family::descendants;

use crate::LIMIT;

/// How often a test looks whether the demo has come so far. Nobody tells, so there is nothing to wait on.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A program that a demo has started on one of its hosts.
pub(crate) struct Started(Pid);

impl Started {
    /// Waits until a demo has started a program with this in its command line.
    #[track_caller]
    pub(crate) fn by(demo: &Running, command_line: &str) -> Self {
        let start = Instant::now();
        loop {
            let is_it = |id: &i32| words_of(*id).is_some_and(|words| words.contains(command_line));
            if let Some(id) = descendants(demo.pid()).into_iter().find(is_it) {
                return Self(Pid::from_raw(id));
            }
            assert!(start.elapsed() < LIMIT, "nobody has started \"{command_line}\"");
            thread::sleep(LOOK_AGAIN); // Between two looks.
        }
    }

    /// What `ss` shows on its host; `None` once the program has ended.
    pub(crate) fn ss(&self, options: &str) -> Option<String> {
        let mut enter = Command::new("nsenter");
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            // The namespace belongs to a user namespace, in which whoever made it is root.
            enter.args(["--preserve-credentials", "--user"]);
        }
        enter.args(["--net", "--target", &self.0.to_string(), "ss", options]);
        let output = enter.output().unwrap();
        // It may end at any moment, also between the two programs.
        let is_there = output.status.success() && words_of(self.0.as_raw()).is_some();
        is_there.then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Waits until `ss` shows what is looked for; `None` where the program ended before.
    pub(crate) fn wait_for(&self, options: &str, is_it: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            let shown = self.ss(options)?;
            if is_it(&shown) {
                return Some(shown);
            }
            thread::sleep(LOOK_AGAIN); // Between two looks.
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.0, signal).unwrap();
    }
}

/// The command line of a process that is there and has not ended.
fn words_of(id: i32) -> Option<String> {
    let words = fs::read(format!("/proc/{id}/cmdline")).ok().filter(|words| !words.is_empty())?;
    Some(String::from_utf8_lossy(&words).replace('\0', " "))
}
