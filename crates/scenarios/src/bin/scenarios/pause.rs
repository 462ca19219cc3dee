//! Where does it wait for a person?

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the last line on standard error is a question.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether a person can be asked: Enter comes from standard input, and the question is read on standard
/// error.
pub(crate) fn at_a_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for Enter and waits for it, or for the end of the input.
pub(crate) fn for_enter(what_for: &str) {
    // Where nobody can read it, nobody is to be asked.
    let _ = write!(io::stderr().lock(), "\n-- Enter {what_for} -- ");
    ASKED.store(true, Ordering::Relaxed);
    let _ = io::stdin().read_line(&mut String::new());
    ASKED.store(false, Ordering::Relaxed);
}

/// Ends the line of a question that will have no answer, so that what is said next has one of its own.
pub(crate) fn no_more() {
    if ASKED.swap(false, Ordering::Relaxed) {
        let _ = writeln!(io::stderr().lock());
    }
}
