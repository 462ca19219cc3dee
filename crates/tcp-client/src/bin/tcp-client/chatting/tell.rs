//! What is told: what was said on standard output, the story on standard error, or events.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chat::show::{Shown, Style, text};
use chat::{Event, Outcome, json};
use cli::output::CANNOT_WRITE;
use cli::{Exit, Failure};
use proto::{Address, sanitize};
use serde::Serialize;
use serde_json::json;
use tcp_client::Connected;

use crate::report::Report;

/// Where it goes.
///
/// A reader of standard output that has gone (`| head -1`) has what it wanted, and it is no reason to
/// lose what is typed: nothing more is shown, and the chat goes on. Any other error there, such as a
/// full disk, is a failure, which [`Tell::failure`] gives.
pub(super) struct Tell<'a> {
    report: &'a Report,
    quiet: bool,
    style: Style,
    output: RefCell<Output>,
}

/// How standard output is.
enum Output {
    Open,
    /// Nobody reads it any more.
    Gone,
    Failed(Failure),
}

/// The last event.
#[derive(Serialize)]
struct End {
    ok: bool,
    exit: u8,
    /// How many lines the relay took.
    sent: u64,
    /// How many lines were not sent.
    unsent: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

impl<'a> Tell<'a> {
    pub(super) fn new(report: &'a Report, quiet: bool) -> Self {
        let style = if io::stdout().is_terminal() { Style::Terminal } else { Style::Pipe };
        Self { report, quiet, style, output: RefCell::new(Output::Open) }
    }

    /// Why what is to be told cannot be, where that is not only because nobody reads it.
    pub(super) fn failure(&self) -> Option<Failure> {
        match &*self.output.borrow() {
            Output::Failed(failure) => Some(failure.clone()),
            Output::Open | Output::Gone => None,
        }
    }

    pub(super) fn event(&self, event: &Event) {
        if self.report.is_json() {
            let (name, fields) = json::of(event);
            self.emit(name, &fields);
            // A line that is lost is told, if need be where nobody asked for it.
            if self.is_open() || !is_loss(event) {
                return;
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match text(event, self.style, now) {
            Some(Shown::Data(line)) => self.write(|| writeln!(io::stdout(), "{line}")),
            Some(Shown::Story(line)) => self.line(&line, is_loss(event)),
            None => {}
        }
    }

    pub(super) fn connected(&self, connected: &Connected) {
        let event = self.report.note_connected(connected);
        self.emit("connected", &event);
    }

    /// There is no connection, or none any more, and after `wait` there is another attempt.
    pub(super) fn connecting_again(&self, kind: &str, why: &str, wait: Duration) {
        let why = sanitize::line(why);
        self.notice(kind, &format!("{why}; connecting again {}", after(wait)));
    }

    pub(super) fn story(&self, line: &str) {
        self.notice("story", line);
    }

    pub(super) fn end(
        &self,
        exit: Exit,
        outcome: Option<Outcome>,
        failure: Option<Failure>,
        elapsed: Duration,
    ) {
        if let Some(failure) = &failure {
            failure.print();
        }
        let end = End {
            ok: exit == Exit::Ok,
            exit: exit.code(),
            sent: outcome.map_or(0, |outcome| outcome.taken),
            unsent: outcome.map_or(0, |outcome| outcome.unsent),
            // Microseconds are what the clock is good for; more digits would be noise.
            seconds: (elapsed.as_secs_f64() * 1e6).round() / 1e6,
            error: failure,
        };
        self.emit("end", &end);
    }

    fn emit(&self, name: &str, body: &impl Serialize) {
        self.write(|| self.report.try_event(name, body));
    }

    fn is_open(&self) -> bool {
        matches!(*self.output.borrow(), Output::Open)
    }

    /// Writes to standard output, as long as that can be done.
    fn write(&self, write: impl FnOnce() -> io::Result<()>) {
        if !self.is_open() {
            return;
        }
        let Err(error) = write() else { return };
        let now = if error.kind() == io::ErrorKind::BrokenPipe {
            self.line("nobody reads standard output any more; what you say is still sent", false);
            Output::Gone
        } else {
            Output::Failed(Failure::from_io(Exit::Failed, CANNOT_WRITE, &error))
        };
        self.output.replace(now);
    }

    fn notice(&self, kind: &str, line: &str) {
        if self.report.is_json() {
            self.emit("notice", &json!({"kind": kind, "text": line}));
        } else {
            self.line(line, false);
        }
    }

    fn line(&self, line: &str, is_loss: bool) {
        if !self.quiet || is_loss {
            // Where nobody can read it, there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }
}

/// When something happens that does so after this time.
fn after(wait: Duration) -> String {
    let tenths = (wait.as_secs_f64() * 10.0).round();
    if tenths < 1.0 { "at once".to_owned() } else { format!("in {:.1}s", tenths / 10.0) }
}

/// Whether it says that a line is lost, which `--quiet` does not hide.
fn is_loss(event: &Event) -> bool {
    match event {
        Event::Unsent { .. } => true,
        Event::Notice(notice) => notice.is_loss(),
        _ => false,
    }
}

/// What was wrong with a chat that came to its end.
pub(super) fn failure(
    outcome: &Outcome,
    address: &Address,
    signal: Option<i32>,
) -> Option<Failure> {
    if signal.is_some() && outcome.unsent == 0 {
        return None;
    }
    let unsent = match outcome.unsent {
        0 if outcome.was_joined => return None,
        0 => {
            let message = format!("{address} let us into no room");
            return Some(Failure::new(Exit::Failed, "not_joined", message));
        }
        1 => "1 line was not sent".to_owned(),
        lines => format!("{lines} lines were not sent"),
    };
    Some(Failure::new(Exit::Failed, "unsent", format!("{unsent} to {address}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_tenths_and_none_as_none() {
        for (millis, words) in [
            (0, "at once"),
            (49, "at once"),
            (50, "in 0.1s"),
            (449, "in 0.4s"),
            (10_000, "in 10.0s"),
        ] {
            assert_eq!(after(Duration::from_millis(millis)), words);
        }
    }
}
