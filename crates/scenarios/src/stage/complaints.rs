//! What does a program of a lab say to the person at its terminal?
//!
//! Nobody is there: the terminal is the report's. The last lines are kept for the case that the program is what
//! a story fails by.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, PipeWriter, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How many lines are kept: an error and its hints.
const MOST_LINES: usize = 4;

/// The longest line that is read as one.
const LONGEST: u64 = 4096;

/// The last lines that a program has written to standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct Complaints(Arc<Mutex<VecDeque<String>>>);

impl Complaints {
    /// Those of a program that gets the other end as its standard error. They are read until it has ended, so
    /// that it never waits for a reader.
    pub(super) fn heard() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let complaints = Self::default();
        let of_thread = complaints.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while matches!(reader.by_ref().take(LONGEST).read_until(b'\n', &mut line), Ok(1..)) {
                of_thread.add(String::from_utf8_lossy(&line).trim());
                line.clear();
            }
        });
        Ok((complaints, writer))
    }

    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// All that is kept, in one line; none where nothing was said.
    pub(super) fn last(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!lines.is_empty()).then(|| lines.iter().cloned().collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_no_writer_waits() {
        let (complaints, mut writer) = Complaints::heard().unwrap();
        assert_eq!(complaints.last(), None);
        // More than a pipe holds.
        let long = "x".repeat(100_000);
        write!(writer, "{long}\n1\n2\nerror: no route\n  hint: wait").unwrap();
        drop(writer);
        let expected = Some("1; 2; error: no route; hint: wait".to_owned());
        let deadline = Instant::now() + Duration::from_secs(10);
        while complaints.last() != expected && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(complaints.last(), expected);
    }
}
