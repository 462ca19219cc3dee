//! What a program tells of a transfer: events on standard output, or a story with its progress on standard
//! error.

mod counts;
mod line;
mod refused;

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use cli::values::bytes_in_words;
use cli::{Exit, Failure, output};
use files::Pace;
use proto::sanitize;
use serde::Serialize;
use serde_json::json;

pub use refused::{nothing_to_send, open_folder};

use crate::source::{LeftOut, Source};
use crate::told::{Told, Watch};
use counts::Counts;

/// How often the line that changes does so: ten times a second, as quick as one reads.
const REDRAWN: Duration = Duration::from_millis(100);

/// How often progress is told in lines of its own.
const PLAIN: Duration = Duration::from_secs(5);

/// How often progress is told in events.
const EVENTS: Duration = Duration::from_secs(1);

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From here.
    Send,
    /// To here.
    Receive,
}

/// How far it is, on standard error: `--progress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A line that changes, where standard error is a terminal
    #[default]
    Auto,
    /// The line that changes
    Always,
    /// A line every five seconds
    Plain,
    /// Nothing until the end
    Never,
}

/// Where a program tells its events and notes.
pub trait Teller {
    /// Whether events are wanted, and no story.
    fn is_json(&self) -> bool;

    /// An event, if they are wanted.
    fn event(&self, name: &str, body: &impl Serialize);

    /// A line for who wants to know more.
    fn note(&self, line: fmt::Arguments<'_>);
}

/// Counts what has come over, and tells it.
#[derive(Debug)]
pub struct Meter<'r, T> {
    report: &'r T,
    direction: Direction,
    quiet: bool,
    showing: Showing,
    every: Duration,
    started: Instant,
    told_at: Option<Instant>,
    pace: Pace,
    /// How many columns the line has that is on the screen.
    drawn: usize,
    has_connected: bool,
    counts: Counts,
    /// The last file, for the closing line of a transfer that has only one.
    only: Option<String>,
    hashing: bool,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Showing {
    Line,
    Plain,
    Events,
    Nothing,
}

/// The last event.
#[derive(Serialize)]
struct End {
    ok: bool,
    exit: u8,
    /// How many files and folders are at the receiver.
    files: u64,
    /// How many of them were there before.
    already: u64,
    /// How many did not come over.
    dropped: u64,
    /// How many bytes of files crossed.
    bytes: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

impl<'r, T: Teller> Meter<'r, T> {
    /// Begins to count; `quiet` where nothing but losses is to be said.
    pub fn new(report: &'r T, direction: Direction, quiet: bool, progress: Progress) -> Self {
        let showing = match progress {
            _ if report.is_json() => Showing::Events,
            Progress::Plain => Showing::Plain,
            Progress::Always => Showing::Line,
            Progress::Auto if !quiet && io::stderr().is_terminal() => Showing::Line,
            Progress::Auto | Progress::Never => Showing::Nothing,
        };
        let every = match showing {
            Showing::Line => REDRAWN,
            Showing::Plain => PLAIN,
            Showing::Events | Showing::Nothing => EVENTS,
        };
        Self {
            report,
            direction,
            quiet,
            showing,
            every,
            started: Instant::now(),
            told_at: None,
            pace: Pace::default(),
            drawn: 0,
            has_connected: false,
            counts: Counts::default(),
            only: None,
            hashing: false,
        }
    }

    /// Where it tells.
    pub fn report(&self) -> &'r T {
        self.report
    }

    /// How many steps forward there were.
    pub fn steps(&self) -> u64 {
        self.counts.steps
    }

    /// Whether there was a connection.
    pub fn has_connected(&self) -> bool {
        self.has_connected
    }

    /// There is a connection, which may be told now.
    pub fn connected(&mut self) {
        if !self.has_connected {
            // Who waits for somebody to come is not slow.
            self.started = Instant::now();
        }
        self.has_connected = true;
        self.clear();
    }

    /// There was one, and there is going to be another.
    pub fn connecting_again(&mut self, why: &str, wait: Duration) {
        let text = format!("{why}; connecting again in {:.1}s", wait.as_secs_f64());
        if self.report.is_json() {
            self.report.event("notice", &json!({"kind": "broken", "text": text}));
        } else {
            self.say(&text);
        }
    }

    /// What was found and is not sent.
    pub fn left_out(&mut self, source: &Source) {
        for LeftOut { place, trouble, .. } in &source.left_out {
            self.dropped(place, 0, trouble.why.name(), &trouble.reason);
        }
        if let Some(sum) = source.left_out_in_sum() {
            self.dropped("", 0, sum.why.name(), &sum.reason);
            self.counts.dropped += source.more_left_out - 1;
        }
    }

    /// The person does not want to wait for the rest.
    pub fn interrupted(&mut self) {
        if !self.report.is_json() {
            let (done, total) = (self.counts.done, bytes_in_words(self.counts.total));
            self.say(&format!(
                "interrupted: {} of {total} are there; the same command goes on from there",
                bytes_in_words(done)
            ));
        }
    }

    /// What is wrong where all was done that could be, and something did not come over.
    pub fn not_all(&self, address: &impl fmt::Display) -> Option<Failure> {
        let dropped = self.counts.dropped;
        let file = if dropped == 1 { "file" } else { "files" };
        let message = match self.direction {
            _ if dropped == 0 => return None,
            Direction::Send => format!("{dropped} {file} not sent to {address}"),
            Direction::Receive => format!("{dropped} {file} not received from {address}"),
        };
        Some(Failure::new(Exit::Failed, "not_all", message))
    }

    /// The program ends; nothing comes after this.
    pub fn end(&mut self, exit: Exit, failure: Option<Failure>) {
        self.clear();
        let seconds = self.started.elapsed().as_secs_f64();
        let Counts { files, already, dropped, moved, .. } = self.counts;
        if !self.report.is_json() && files > 0 {
            let line = self.counts.closing_line(self.direction, self.only.as_deref(), seconds);
            self.say(&line);
        }
        if let Some(failure) = &failure {
            failure.print();
        }
        let end = End {
            ok: exit == Exit::Ok,
            exit: exit.code(),
            files,
            already,
            dropped,
            bytes: moved,
            // Microseconds are what the clock is good for; more digits would be noise.
            seconds: (seconds * 1e6).round() / 1e6,
            error: failure,
        };
        self.report.event("end", &end);
    }

    fn dropped(&mut self, path: &str, bytes: u64, why: &str, reason: &str) {
        self.counts.dropped(path);
        if self.report.is_json() {
            let event = json!({"path": path, "bytes": bytes, "why": why, "reason": reason});
            return self.report.event("dropped", &event);
        }
        let not = match self.direction {
            Direction::Send => "not sent",
            Direction::Receive => "not received",
        };
        let (path, reason) = (sanitize::line(path), sanitize::line(reason));
        self.clear();
        let what = if path.is_empty() { "" } else { ": " };
        // Also where silence was asked for: it is a loss.
        let _ = writeln!(io::stderr().lock(), "{not}: {path}{what}{reason}");
    }

    fn kept(&mut self, path: &str, kept_as: &str, size: u64, folder: bool, already: bool) {
        self.counts.kept(path, already);
        self.only = Some(path.to_owned());
        if self.report.is_json() {
            let event = json!({"path": path, "kept_as": kept_as, "bytes": size, "folder": folder, "already": already});
            return self.report.event("kept", &event);
        }
        let shown = sanitize::line(kept_as);
        if kept_as != path && !already {
            self.say(&format!("{}: the name was taken, it is {shown}", sanitize::line(path)));
        }
        if self.direction == Direction::Receive && !folder {
            self.clear();
            output::or_exit(writeln!(io::stdout(), "{shown}"));
        }
    }

    /// A line for everybody who did not ask for silence.
    fn say(&mut self, text: &str) {
        if !self.quiet {
            self.clear();
            // Where nobody can read it, there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Tells how far it is, where that was not done just before.
    fn show(&mut self, path: &str) {
        let now = Instant::now();
        if self.told_at.is_some_and(|told| now - told < self.every) {
            return;
        }
        self.told_at = Some(now);
        self.pace.mark(now - self.started, self.counts.moved);
        let Counts { total, done, .. } = self.counts;
        let left = self.pace.left(total.saturating_sub(done));
        let so_far =
            line::SoFar { path, done, total, rate: self.pace.rate(), left, hashing: self.hashing };
        match self.showing {
            Showing::Nothing => {}
            Showing::Events => self.report.event("progress", &so_far),
            Showing::Plain => _ = writeln!(io::stderr().lock(), "{}", so_far.text(usize::MAX)),
            Showing::Line => {
                let (text, columns) = line::padded(&so_far.text(line::columns() - 1), self.drawn);
                self.drawn = columns;
                let mut stderr = io::stderr().lock();
                let _ = write!(stderr, "\r{text}").and_then(|()| stderr.flush());
            }
        }
    }

    /// Takes the line that changes off the screen.
    fn clear(&mut self) {
        if self.drawn > 0 {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r{:1$}\r", "", self.drawn).and_then(|()| stderr.flush());
            self.drawn = 0;
        }
    }
}

impl<T: Teller> Watch for Meter<'_, T> {
    fn told(&mut self, told: Told<'_>) {
        match told {
            Told::Batch { files, bytes } => {
                (self.counts.total, self.counts.done) = (bytes, 0);
                if self.report.is_json() {
                    self.report.event("batch", &json!({"files": files, "bytes": bytes}));
                }
            }
            Told::Begun { path, from, size } => {
                self.hashing = false;
                self.counts.done += from;
                if from > 0 && from < size && !self.report.is_json() {
                    let (path, from) = (sanitize::line(path), bytes_in_words(from));
                    self.say(&format!("{path}: {from} are there already, going on from there"));
                }
            }
            Told::Hashed { path, .. } => {
                self.hashing = true;
                self.show(path);
            }
            Told::Anew { path, from } => {
                self.hashing = false;
                self.counts.done = self.counts.done.saturating_sub(from);
                self.report.note(format_args!(
                    "{}: what is there is another file, so all of it crosses",
                    sanitize::line(path)
                ));
            }
            Told::Block { path, bytes } => {
                self.hashing = false;
                self.counts.crossed(path, bytes);
                self.show(path);
            }
            Told::Kept { path, kept_as, size, folder, already } => {
                self.kept(path, kept_as, size, folder, already);
            }
            Told::Dropped { path, size, why, reason } => {
                self.dropped(path, size, why.name(), reason);
            }
        }
    }
}
