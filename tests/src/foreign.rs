//! Programs that we did not write.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::running::{Running, piped};

/// The path of an installed program. Where it is missing, the test says so and gets `None`, and in CI it
/// has failed: see [`skip`].
#[track_caller]
pub fn foreign(name: &str) -> Option<PathBuf> {
    let found = installed(name);
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// The path of a program, where it is installed.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// The netcat of OpenBSD. Others of the same name have other options.
#[track_caller]
pub fn openbsd_netcat() -> Option<PathBuf> {
    let nc = foreign("nc")?;
    let help = Running::start(&mut piped(&nc, &["-h"])).finish();
    if !help.stderr.contains("OpenBSD") {
        skip("nc is not the netcat of OpenBSD");
        return None;
    }
    Some(nc)
}

/// A command that runs a Python script.
#[track_caller]
pub fn python(script: &str, args: &[&str]) -> Option<Command> {
    let python = foreign("python3")?;
    Some(piped(python, &[&["-u", "-c", script], args].concat()))
}

/// Says that a test cannot run here. In CI, where everything is installed, that is a failure.
#[track_caller]
#[expect(clippy::print_stderr, reason = "it is for whoever reads the output of the tests")]
pub fn skip(why: &str) {
    let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!ci, "may not be skipped here: {why}");
    eprintln!("skipped: {why}");
}
