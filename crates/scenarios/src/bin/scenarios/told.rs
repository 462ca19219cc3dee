//! What if standard output cannot be written?
//!
//! A reader that has gone has what it wanted, and the program ends. A disk that is full ends nothing: what a
//! run finds is worth more than the text about it, so it is played on, and the verdicts are told at the end where
//! there is room for them.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use cli::output::{CANNOT_WRITE, or_exit};
use cli::{Exit, Failure};

/// The first write that failed.
static TROUBLE: Mutex<Option<Failure>> = Mutex::new(None);

/// Writes a text to standard output.
pub(crate) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    keep(|| stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Writes, unless a write has failed before: half of a report is more than every second line of it.
pub(crate) fn keep(write: impl FnOnce() -> io::Result<()>) {
    let mut trouble = TROUBLE.lock().unwrap_or_else(PoisonError::into_inner);
    if trouble.is_some() {
        return;
    }
    match write() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            *trouble = Some(Failure::from_io(Exit::Failed, CANNOT_WRITE, &error));
        }
        result => or_exit(result),
    }
}

/// The first write that failed, if any did.
pub(crate) fn trouble() -> Option<Failure> {
    TROUBLE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Writes to standard error what standard output did not take. Where that fails, too, there is no place left.
pub(crate) fn elsewhere(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
