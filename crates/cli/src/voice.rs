//! What a server tells, which serves on whatever becomes of its readers.

use std::io;
use std::time::{Instant, SystemTime};

use serde_json::json;

use crate::args::{CommonArgs, Format};
use crate::events::Events;
use crate::exit::Exit;
use crate::failure::{Failure, io_words};
use crate::scribe::{Duties, LAST_WRITE, Scribe};

/// Standard output and standard error of a server. Nothing here waits for whoever reads them: see
/// [`Scribe`].
///
/// A client is another thing: it is there for whoever reads it, waits for that one, and ends with it.
#[derive(Debug)]
pub struct Voice {
    out: Scribe,
    err: Scribe,
}

impl Voice {
    /// Starts the threads that write, and sends the log to standard error at the level that was asked for.
    pub fn start(common: &CommonArgs) -> Result<Self, Failure> {
        let cannot = |error| Failure::from_io(Exit::Failed, "cannot start", &error);
        let err = Scribe::start(io::stderr(), for_story()).map_err(cannot)?;
        let duties = match common.format() {
            Format::Json => for_stdout(lost_event),
            Format::Text => {
                let err = err.clone();
                for_stdout(move |lines| {
                    err.tell(&lost_data(lines));
                    String::new()
                })
            }
        };
        let out = Scribe::start(io::stdout(), duties).map_err(cannot)?;
        let log = err.clone();
        common.init_log_to(move || log.clone());
        Ok(Self { out, err })
    }

    /// Events on standard output.
    pub fn events(&self, schema: &'static str) -> Events {
        Events::new(schema, Box::new(self.out.clone()))
    }

    /// A line of data, or several, for standard output.
    pub fn data(&self, lines: &str) {
        self.out.tell(lines);
    }

    /// A line of the story, or several, for standard error.
    pub fn story(&self, lines: &str) {
        self.err.tell(lines);
    }

    /// What comes now is the end, for which there is room even where nobody has read for long.
    pub fn last_words(&self) {
        // In this order, because the first may have something to say to the second.
        self.out.last_words();
        self.err.last_words();
    }

    /// Gives the readers a moment to take what was told, and writes no more.
    pub fn finish(&self) {
        let deadline = Instant::now() + LAST_WRITE;
        self.out.finish(deadline);
        self.err.finish(deadline);
    }
}

fn for_story() -> Duties {
    let lost = |lines| {
        let (lines, them) = counted(lines);
        format!("{lines} of this story not written, as nobody read {them}\n")
    };
    // A failure has nobody left to be told to.
    Duties { thread: "stderr", lost: Box::new(lost), failed: Box::new(|_| ()) }
}

fn for_stdout(lost: impl Fn(u64) -> String + Send + Sync + 'static) -> Duties {
    let failed = |error: &io::Error| {
        tracing::warn!("cannot write to standard output: {}", io_words(error));
    };
    Duties { thread: "stdout", lost: Box::new(lost), failed: Box::new(failed) }
}

/// The event in the place of those that were lost.
fn lost_event(events: u64) -> String {
    let ts = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
    let mut line = json!({"event": "lost", "ts": ts, "events": events}).to_string();
    line.push('\n');
    line
}

/// What is missing from standard output is told on standard error, as what is there is data.
fn lost_data(lines: u64) -> String {
    let (lines, them) = counted(lines);
    format!("{lines} of standard output not written, as nobody read {them}\n")
}

fn counted(lines: u64) -> (String, &'static str) {
    if lines == 1 { ("1 line".to_owned(), "it") } else { (format!("{lines} lines"), "them") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_an_event_like_the_others() {
        let line = lost_event(3);
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["events"], 3);
        assert!(line.starts_with(r#"{"event":"lost","ts":"2"#) && line.ends_with("}\n"), "{line}");
    }
}
