//! Why a relay does not do what it was asked.

use proto::Why;

use crate::names::NameError;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As a word.
    pub why: Why,
    /// For a person.
    pub reason: String,
}

impl Refusal {
    pub(crate) fn new(why: Why, reason: impl Into<String>) -> Self {
        Self { why, reason: reason.into() }
    }

    pub(crate) fn of_name(why: Why, error: NameError) -> Self {
        Self::new(why, error.to_string())
    }
}
