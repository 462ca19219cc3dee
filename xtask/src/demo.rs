//! `cargo xtask demo`: builds what a demo starts, and no more, then runs it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::iter;
use std::process::ExitCode;

use crate::cargo;
use crate::error::Error;

/// The programs that each demo starts, each in the package of the same name. `scenarios` itself is not
/// named: it is always built.
pub(crate) const DEMOS: &[(&str, &[&str])] =
    &[("backlog", &["tcp-server", "tcp-client"]), ("disconnect", &["tcp-server", "tcp-client"])];

#[derive(Debug, clap::Args)]
#[command(override_usage = "cargo xtask demo [NAME]... [OPTION]...")]
pub(crate) struct Args {
    /// The demos to run, or `all`; behind them options of `scenarios run`, such as `--format json`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME")]
    rest: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let names: Vec<&OsStr> = names(&args.rest).collect();
    let built = cargo::build(&packages(programs(&names)))?;
    let word = OsString::from(if names.is_empty() { "list" } else { "run" });
    cargo::become_program(built.program("scenarios")?, iter::once(&word).chain(&args.rest))
}

/// The arguments of `cargo build` for `scenarios` and these programs.
pub(crate) fn packages(programs: BTreeSet<&'static str>) -> Vec<&'static str> {
    iter::once("scenarios").chain(programs).flat_map(|package| ["-p", package]).collect()
}

/// What any demo starts.
pub(crate) fn all_programs() -> BTreeSet<&'static str> {
    DEMOS.iter().flat_map(|(_, needs)| *needs).copied().collect()
}

/// The arguments that name demos: all before the first option, and behind it those that are known.
/// Of the others there, nobody can tell a name from an option's value.
fn names(rest: &[OsString]) -> impl Iterator<Item = &OsStr> {
    let options = rest.iter().position(|word| word.as_encoded_bytes().starts_with(b"-"));
    let (before, behind) = rest.split_at(options.unwrap_or(rest.len()));
    let known = |word: &&OsString| *word == "all" || DEMOS.iter().any(|(name, _)| *word == name);
    before.iter().chain(behind.iter().filter(known)).map(OsString::as_os_str)
}

/// What the demos start. A name that is not in the table, `all` among them, may start anything: a
/// program that was not built now could be found stale.
fn programs(names: &[&OsStr]) -> BTreeSet<&'static str> {
    let of = |name: &&OsStr| DEMOS.iter().find(|(demo, _)| *name == *demo).map(|(_, needs)| *needs);
    match names.iter().map(of).collect::<Option<Vec<_>>>() {
        Some(needs) => needs.concat().into_iter().collect(),
        None => all_programs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let rest: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let found: Vec<&OsStr> = names(&rest).collect();
        let found: Vec<&str> = found.iter().filter_map(|name| name.to_str()).collect();
        assert_eq!(found.join(" "), expected, "{line}");
    }

    #[test]
    fn names_are_told_from_options() {
        check("", "");
        check("--format json", "");
        check("backlog", "backlog");
        check("backlog disconnect --seed 7", "backlog disconnect");
        check("--format json backlog", "backlog");
        check("nonsense --format json", "nonsense");
        check("all --repeat 2", "all");
    }

    #[test]
    fn an_unknown_demo_may_start_any_program() {
        let programs = |name: &str| programs(&[OsStr::new(name)]);
        assert_eq!(programs("all"), all_programs());
        assert_eq!(programs("nonsense"), all_programs());
        assert_eq!(super::programs(&[]), BTreeSet::new());
    }
}
