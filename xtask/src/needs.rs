//! What must be built before something can be run.

use std::ffi::{OsStr, OsString};
use std::iter;

/// A program that runs things by name, and the programs that each of them starts in turn.
///
/// Each program is in the package of the same name.
#[derive(Debug)]
pub(crate) struct Needs {
    /// The program that runs them.
    pub(crate) runner: &'static str,
    /// Each name, and what it starts.
    pub(crate) table: &'static [(&'static str, &'static [&'static str])],
}

impl Needs {
    /// The words that name things to run: all before the first option, and behind it those that are
    /// known. Of the others there, nobody can tell a name from an option's value.
    pub(crate) fn names<'a>(&self, words: &'a [OsString]) -> Vec<&'a OsStr> {
        let option = words.iter().position(|word| word.as_encoded_bytes().starts_with(b"-"));
        let (before, behind) = words.split_at(option.unwrap_or(words.len()));
        let behind = behind.iter().filter(|word| *word == "all" || self.of(word).is_some());
        before.iter().chain(behind).map(OsString::as_os_str).collect()
    }

    /// The arguments of `cargo build` for the runner and what these start.
    ///
    /// A name that is not in the table, `all` among them, may start anything: a program that is not
    /// built now could be found stale.
    pub(crate) fn packages(&self, names: &[&OsStr]) -> Vec<&'static str> {
        let known: Option<Vec<_>> = names.iter().map(|name| self.of(name)).collect();
        known.map_or_else(|| self.all_packages(), |needs| self.arguments(needs.concat()))
    }

    /// The arguments of `cargo build` for the runner and whatever it starts.
    pub(crate) fn all_packages(&self) -> Vec<&'static str> {
        self.arguments(self.table.iter().flat_map(|(_, needs)| *needs).copied().collect())
    }

    fn of(&self, name: &OsStr) -> Option<&'static [&'static str]> {
        self.table.iter().find(|(known, _)| name == *known).map(|(_, needs)| *needs)
    }

    fn arguments(&self, mut programs: Vec<&'static str>) -> Vec<&'static str> {
        programs.sort_unstable();
        programs.dedup();
        iter::once(self.runner).chain(programs).flat_map(|package| ["-p", package]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs =
        Needs { runner: "r", table: &[("one", &["y", "x"]), ("two", &["x", "z"]), ("none", &[])] };

    #[track_caller]
    fn check(line: &str, names: &str, packages: &str) {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let found = NEEDS.names(&words);
        let shown: Vec<&str> = found.iter().filter_map(|name| name.to_str()).collect();
        assert_eq!(shown.join(" "), names, "{line}");
        assert_eq!(NEEDS.packages(&found).join(" "), packages, "{line}");
    }

    #[test]
    fn names_are_told_from_options() {
        check("", "", "-p r");
        check("--format json", "", "-p r");
        check("one", "one", "-p r -p x -p y");
        check("one two --seed 7", "one two", "-p r -p x -p y -p z");
        check("--format json none", "none", "-p r");
    }

    #[test]
    fn what_is_unknown_may_start_anything() {
        check("all --repeat 2", "all", "-p r -p x -p y -p z");
        check("--repeat 2 all", "all", "-p r -p x -p y -p z");
        check("nonsense --format json", "nonsense", "-p r -p x -p y -p z");
        check("none nonsense", "none nonsense", "-p r -p x -p y -p z");
    }
}
