//! How cargo is asked, and how a program that it built is started.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::error::Error;

/// The programs that a build made, by name.
#[derive(Debug)]
pub(crate) struct Built(BTreeMap<String, PathBuf>);

impl Built {
    /// Where the program is.
    pub(crate) fn program(&self, name: &str) -> Result<&Path, Error> {
        self.0.get(name).map(PathBuf::as_path).ok_or(Error::NoProgram { name: name.to_owned() })
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.0.iter().map(|(name, path)| (name.as_str(), path.as_path()))
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // Set by `cargo run`; a program that is started by hand knows where it was built.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    Path::new(&xtask).parent().expect("xtask/ lies in the root").to_owned()
}

/// The cargo that started this program, to be run at the root of the workspace.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs `cargo build` and says where the programs are.
///
/// What compiles is shown on standard error. The paths come from cargo's own messages, so that every
/// target directory is respected and nothing stale is found.
pub(crate) fn build(arguments: &[&str]) -> Result<Built, Error> {
    build_with(arguments, &[])
}

/// The same with these variables in cargo's environment.
pub(crate) fn build_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Built, Error> {
    let name = format!("cargo build {}", arguments.join(" "));
    let output = command(&["build", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .envs(variables.iter().copied())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Start { program: "cargo".to_owned(), source })?;
    if !output.status.success() {
        return Err(Error::Build { command: name });
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    Ok(Built(messages.lines().filter_map(program_of_message).collect()))
}

/// The name and the path of the program that a message of cargo's tells of.
fn program_of_message(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    // With `--all-targets` each program is there twice: the other one is its unit tests.
    let is_program = message["reason"] == "compiler-artifact"
        && message["target"]["kind"] == serde_json::json!(["bin"])
        && message["profile"]["test"] == false;
    let name = message["target"]["name"].as_str()?;
    let path = message["executable"].as_str()?;
    is_program.then(|| (name.to_owned(), path.into()))
}

/// The kind of system that this is, as the compiler calls it.
pub(crate) fn host() -> Result<String, Error> {
    const NAME: &str = "cargo -vV";
    let output = command(&["-vV"])
        .output()
        .map_err(|source| Error::Start { program: "cargo".to_owned(), source })?;
    let version = String::from_utf8_lossy(&output.stdout);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let why = || "it names no host".to_owned();
    host.map(str::to_owned).ok_or_else(|| Error::Answer { command: NAME.to_owned(), why: why() })
}

/// What cargo knows of the packages of this workspace.
pub(crate) fn packages() -> Result<Vec<Value>, Error> {
    const NAME: &str = "cargo metadata";
    let output = command(&["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Start { program: "cargo".to_owned(), source })?;
    if !output.status.success() {
        return Err(Error::Build { command: NAME.to_owned() });
    }
    let bad = |why: String| Error::Answer { command: NAME.to_owned(), why };
    let mut metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| bad(error.to_string()))?;
    match metadata["packages"].take() {
        Value::Array(packages) => Ok(packages),
        _ => Err(bad("it names no packages".to_owned())),
    }
}

/// Becomes the program: its exit code, its signals and its terminal are then its own.
///
/// A child would need all three passed on. On Ctrl-C, for one, the shell would prompt again while the
/// child still prints its end.
#[cfg(unix)]
pub(crate) fn become_program(
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<ExitCode, Error> {
    use std::os::unix::process::CommandExt;

    let source = Command::new(program).args(arguments).exec();
    Err(Error::Start { program: program.display().to_string(), source })
}

/// Runs the program and ends as it does: there is no `exec` here.
#[cfg(not(unix))]
pub(crate) fn become_program(
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<ExitCode, Error> {
    let status = Command::new(program)
        .args(arguments)
        .status()
        .map_err(|source| Error::Start { program: program.display().to_string(), source })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_is_no_test_is_one() {
        let message = |kind: &str, test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["{kind}"],"name":"a"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let program = Some(("a".to_owned(), PathBuf::from("/t/a")));
        for (line, expected) in [
            (message("bin", false, r#""/t/a""#), program),
            (message("bin", true, r#""/t/a-1""#), None),
            (message("lib", false, "null"), None),
            (message("test", true, r#""/t/a-2""#), None),
            (r#"{"reason":"build-finished","success":true}"#.to_owned(), None),
            ("no JSON".to_owned(), None),
        ] {
            assert_eq!(program_of_message(&line), expected, "{line}");
        }
    }
}
