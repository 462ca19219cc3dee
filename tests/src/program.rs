//! The programs under test, and that they are fresh.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::running::Running;

/// The packages of the programs that tests start.
const PACKAGES: &[&str] = &["tcp-server", "tcp-client", "udp-peer", "relay", "scenarios"];

/// How long a build from nothing may take on a slow machine: 10 minutes.
const BUILD_LIMIT: Duration = Duration::from_secs(600);

/// The path of one of our programs, `tcp-server` for example.
///
/// Where `SOCKEYE_BIN_DIR` is set, it is there: `cargo xtask test` has built it and made it readable for
/// everybody. Otherwise cargo builds the programs, once for each test program: a binary that happens to
/// lie in the target directory may be older than the source.
pub fn program(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| match env::var_os("SOCKEYE_BIN_DIR") {
        Some(directory) => directory.into(),
        None => build(),
    });
    let path = directory.join(name);
    assert!(path.is_file(), "there is no {}", path.display());
    path
}

fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(cargo);
    command.current_dir(workspace).args(["build", "--bins", "--message-format", "json"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // What compiles is shown.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let built = Running::start_with_limit(&mut command, BUILD_LIMIT).finish();
    assert_eq!(built.code, 0, "the programs do not build");
    let messages = built.stdout_text().lines().map(serde_json::from_str::<Value>);
    let executables: Vec<PathBuf> =
        messages.filter_map(|message| Some(message.ok()?["executable"].as_str()?.into())).collect();
    let [first, ..] = &executables[..] else { panic!("cargo built no program") };
    first.parent().unwrap().to_owned()
}
