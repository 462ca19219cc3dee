//! What a person reads.
//!
//! Where nobody reads any more (`cargo xtask test | head`) there is nobody to tell: the task goes on, and
//! its exit code says how it ended. `println!` would panic.

use std::fmt::Display;
use std::io::{self, Write};

/// A line of the result.
pub(crate) fn out(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line of the story.
pub(crate) fn err(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
