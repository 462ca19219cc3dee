//! The rules of this project that no compiler knows.

mod claims;
mod code;
mod files;
mod markdown;
mod names;
mod rust;

use std::fmt;

use crate::cargo;
use crate::demo::DEMOS;
use crate::error::Error;
use crate::say;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// The path from the root.
    file: String,
    /// From 1; 1 also for what is missing from a file.
    line: usize,
    what: String,
    why: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.what, self.why)
    }
}

/// Prints what breaks a rule, and says how many there are. `demos` are the names of all demos.
pub(crate) fn run(demos: &[String]) -> Result<usize, Error> {
    let tree = files::Tree::read(&cargo::root())?;
    let mut findings = Vec::new();
    for file in tree.ending_with(".rs") {
        findings.extend(rust::check(file));
    }
    findings.extend(rust::check_long_table(&tree));
    for file in tree.ending_with(".md") {
        findings.extend(markdown::check(file, &tree));
    }
    findings.extend(claims::check(demos, &tree));
    findings.extend(names::check(&cargo::packages()?, demos, &DEMOS, &tree));
    findings.sort();
    for finding in &findings {
        say::out(finding);
    }
    Ok(findings.len())
}
