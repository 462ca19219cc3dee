//! One thing that is expected of the kernel, beside what was measured.

use std::fmt;
use std::ops::RangeInclusive;

use serde::Serialize;

/// What a scenario expects of the kernel, and what it measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A name that claims and scripts refer to.
    pub id: String,
    /// What is checked, in words.
    pub says: String,
    /// What the kernel's sources and documents let one expect.
    pub expected: String,
    /// What was measured; empty where nothing was.
    pub measured: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Whether what stands for measured was computed from the kernel's own knobs, because to wait for
    /// it takes minutes.
    pub computed: bool,
}

/// How a check came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Measured as expected.
    Ok,
    /// Measured otherwise.
    Failed,
    /// Not measured, and why.
    Skipped(String),
}

impl Check {
    /// Expects one value.
    #[expect(clippy::needless_pass_by_value, reason = "nearly all are numbers")]
    pub fn equal<T: PartialEq + fmt::Display>(
        id: &str,
        says: &str,
        expected: T,
        measured: T,
    ) -> Self {
        let ok = expected == measured;
        Self::new(id, says, expected.to_string(), measured.to_string(), ok)
    }

    /// Expects a value of a range.
    #[expect(clippy::needless_pass_by_value, reason = "nearly all are numbers")]
    pub fn within<T: PartialOrd + fmt::Display>(
        id: &str,
        says: &str,
        expected: RangeInclusive<T>,
        measured: T,
    ) -> Self {
        let ok = expected.contains(&measured);
        let (least, most) = (expected.start(), expected.end());
        let expected = if least == most { least.to_string() } else { format!("{least}..{most}") };
        Self::new(id, says, expected, measured.to_string(), ok)
    }

    /// Expects a time of a range, in seconds.
    pub fn seconds(id: &str, says: &str, expected: RangeInclusive<f64>, measured: f64) -> Self {
        let ok = expected.contains(&measured);
        let expected = format!("{}..{} s", expected.start(), expected.end());
        Self::new(id, says, expected, format!("{measured:.3} s"), ok)
    }

    /// The same for what may never have happened.
    pub fn seconds_until(
        id: &str,
        says: &str,
        expected: RangeInclusive<f64>,
        measured: Option<f64>,
    ) -> Self {
        if let Some(measured) = measured {
            return Self::seconds(id, says, expected, measured);
        }
        let expected = format!("{}..{} s", expected.start(), expected.end());
        Self::new(id, says, expected, "never".to_owned(), false)
    }

    /// Says that nothing could be measured, and why.
    pub fn skipped(id: &str, says: &str, why: &str) -> Self {
        Self {
            id: id.to_owned(),
            says: says.to_owned(),
            expected: String::new(),
            measured: String::new(),
            outcome: Outcome::Skipped(why.to_owned()),
            computed: false,
        }
    }

    /// Says the same of several checks, each by its id and what it says.
    pub fn all_skipped(checks: &[(&str, &str)], why: &str) -> Vec<Self> {
        checks.iter().map(|(id, says)| Self::skipped(id, says, why)).collect()
    }

    /// The same, for a value that was computed and not waited for.
    pub fn computed(self) -> Self {
        Self { computed: true, ..self }
    }

    /// A check whose outcome is judged elsewhere.
    pub fn new(id: &str, says: &str, expected: String, measured: String, ok: bool) -> Self {
        let outcome = if ok { Outcome::Ok } else { Outcome::Failed };
        let (id, says) = (id.to_owned(), says.to_owned());
        Self { id, says, expected, measured, outcome, computed: false }
    }
}
