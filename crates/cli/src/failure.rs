//! What went wrong, why, and what to do about it.

use std::fmt;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::exit::Exit;

/// An error as a person reads it and as a program does.
///
/// The message says operation, object and cause in lower case, without a full stop; a hint is a line
/// that can be acted on, best a command to paste. At most two of them help.
///
/// ```
/// use cli::{Exit, Failure};
///
/// let failure = Failure::new(Exit::Usage, "address_in_use", "cannot listen on 127.0.0.1:7878: address already in use")
///     .hint("--port 0 takes any free port and prints it");
/// assert_eq!(
///     failure.to_string(),
///     "error: cannot listen on 127.0.0.1:7878: address already in use\n  \
///      hint: --port 0 takes any free port and prints it\n",
/// );
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    #[serde(skip)]
    exit: Exit,
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_error: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
}

impl Failure {
    /// A failure without hints. `kind` is a word that a script can compare, such as
    /// `connection_refused`.
    pub fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        Self { exit, kind, message: message.into(), os_error: None, hints: Vec::new() }
    }

    /// A failure of `operation`, whose cause is an error of the operating system.
    pub fn from_io(exit: Exit, operation: &str, error: &io::Error) -> Self {
        let mut failure =
            Self::new(exit, io_kind(error.kind()), format!("{operation}: {}", io_words(error)));
        failure.os_error = error.raw_os_error();
        failure
    }

    /// Adds words to the end of the message, such as what the cause means here.
    pub fn and(mut self, words: &str) -> Self {
        self.message.push_str(words);
        self
    }

    /// Adds the number of the operating system's error, where the message tells it in words of its own.
    pub fn with_os_error(mut self, error: &io::Error) -> Self {
        self.os_error = error.raw_os_error();
        self
    }

    /// Adds a line that says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The code that the program ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong, in words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The word that a script can compare.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Prints the failure to standard error. Where nobody can read that, there is nobody to tell.
    pub fn print(&self) {
        let _ = write!(io::stderr().lock(), "{self}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        for hint in &self.hints {
            writeln!(f, "  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// The error's cause in words: lower case, and without Rust's `(os error N)`.
pub fn io_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // "Address already in use", but not "DNS" or "I/O".
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// The kinds that a script is likely to ask for; the rest is `io`.
fn io_kind(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "address_in_use",
        io::ErrorKind::AddrNotAvailable => "address_not_available",
        io::ErrorKind::BrokenPipe => "broken_pipe",
        io::ErrorKind::ConnectionAborted => "connection_aborted",
        io::ErrorKind::ConnectionRefused => "connection_refused",
        io::ErrorKind::ConnectionReset => "connection_reset",
        io::ErrorKind::HostUnreachable => "host_unreachable",
        io::ErrorKind::NetworkUnreachable => "network_unreachable",
        io::ErrorKind::NotFound => "not_found",
        io::ErrorKind::PermissionDenied => "permission_denied",
        io::ErrorKind::TimedOut => "timed_out",
        _ => "io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_in_words() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(io_words(&refused), "connection refused");
        assert_eq!(io_words(&io::Error::other("I/O is odd")), "I/O is odd");
        assert_eq!(io_words(&io::Error::other("")), "");
        let failure = Failure::from_io(Exit::Failed, "cannot connect to [::1]:1", &refused);
        assert_eq!(failure.to_string(), "error: cannot connect to [::1]:1: connection refused\n");
        assert_eq!(
            failure.clone().and(" (nothing listens there)").to_string(),
            "error: cannot connect to [::1]:1: connection refused (nothing listens there)\n",
        );
        assert_eq!(
            serde_json::to_string(&failure).unwrap(),
            r#"{"kind":"connection_refused","message":"cannot connect to [::1]:1: connection refused","os_error":111}"#,
        );
        let in_own_words = Failure::new(Exit::Failed, "refused", "nobody").with_os_error(&refused);
        assert_eq!(
            serde_json::to_string(&in_own_words).unwrap(),
            r#"{"kind":"refused","message":"nobody","os_error":111}"#,
        );
    }
}
