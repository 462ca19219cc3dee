//! The steps that are one command each.

use std::env;
use std::ffi::OsStr;
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use super::{Miss, Outcome};
use crate::cargo;
use crate::say;

pub(super) fn fmt() -> Outcome {
    passes(&mut cargo::command(&["fmt", "--all", "--check"]))
}

pub(super) fn deny() -> Outcome {
    needs_cargo_deny()?;
    passes(&mut cargo::command(&["deny", "--locked", "check", "licenses", "bans", "sources"]))
}

/// The one step that asks the network: the database of advisories changes while the tree does not.
pub(super) fn advisories() -> Outcome {
    needs_cargo_deny()?;
    let mut fetch = cargo::command(&["deny", "fetch", "db"]);
    let fetched = fetch.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !fetched.is_ok_and(|status| status.success()) {
        let why = "the advisory database cannot be fetched (`cargo deny fetch db` says why)";
        return Err(Miss::Skipped(why.to_owned()));
    }
    passes(&mut cargo::command(&["deny", "--locked", "check", "advisories"]))
}

pub(super) fn clippy() -> Outcome {
    let what = ["clippy", "--workspace", "--all-targets", "--locked"];
    // Without libFuzzer itself, which is C++: what is only checked is not linked.
    let program_of_fuzz = ["--features", "fuzz/program"];
    let lints = ["--", "-D", "warnings"];
    passes(&mut cargo::command(&[&what[..], &program_of_fuzz, &lints].concat()))
}

/// `directory` holds the programs that end-to-end tests start.
pub(super) fn unit(directory: &Path) -> Outcome {
    let mut test = cargo::command(&["test", "--workspace", "--locked"]);
    test.env("SOCKEYE_BIN_DIR", directory);
    if env::var_os(TEST_THREADS).is_none() {
        test.env(TEST_THREADS, test_threads().to_string());
    }
    passes(&mut test)
}

/// How many tests run at a time; see `cargo test -- --help`.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// Twice as many as there are cores: the tests of the lab take most of the time, and what they do is to wait
/// for their demos' timers.
fn test_threads() -> usize {
    2 * thread::available_parallelism().map_or(1, NonZero::get)
}

/// Without the lab, as on every system but Linux.
pub(super) fn replay() -> Outcome {
    const WITHOUT_LAB: [&str; 6] =
        ["--package", "scenarios", "--no-default-features", "--features", "cli", "--locked"];
    let lints: &[&str] = &["--all-targets", "--", "-D", "warnings"];
    passes(&mut cargo::command(&[&["clippy"], &WITHOUT_LAB[..], lints].concat()))?;
    passes(&mut cargo::command(&[&["test"], &WITHOUT_LAB[..]].concat()))
}

pub(super) fn docs() -> Outcome {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    passes(cargo::command(&arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// In the profile of the tests, which have compiled it all: whether a benchmark runs does not depend on
/// the optimiser, and an optimised build would take longer than all other steps together.
pub(super) fn bench_smoke() -> Outcome {
    let arguments = ["test", "--workspace", "--bench", "*", "--locked", "--", "--test"];
    passes(&mut cargo::command(&arguments))
}

fn needs_cargo_deny() -> Outcome {
    let mut version = cargo::command(&["deny", "--version"]);
    let found = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(Miss::Skipped("cargo-deny is missing: cargo install --locked cargo-deny".to_owned()))
    }
}

/// Shows the command, runs it, and passes if it does.
fn passes(command: &mut Command) -> Outcome {
    say::out(format_args!("$ {}", shown(command)));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Miss::Failed(status.to_string())),
        Err(error) => Err(Miss::Failed(format!("cannot start it: {error}"))),
    }
}

/// The command in a form that can be pasted into a shell.
fn shown(command: &Command) -> String {
    let quoted = |word: &OsStr| {
        let word = word.to_string_lossy();
        if word.contains([' ', '*']) { format!("'{word}'") } else { word.into_owned() }
    };
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    variables
        .map(|(name, value)| format!("{}={}", name.to_string_lossy(), quoted(value)))
        .chain(["cargo".to_owned()])
        .chain(command.get_args().map(quoted))
        .collect::<Vec<_>>()
        .join(" ")
}
