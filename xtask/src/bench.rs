//! `cargo xtask bench`: builds what a benchmark measures, optimised, then runs it.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cargo;
use crate::error::Error;
use crate::needs::Needs;

/// Every benchmark and which programs of ours it starts.
const BENCHES: Needs = Needs {
    runner: "bench",
    table: &[
        ("framing", &[]),
        ("tcp", &["tcp-server", "tcp-client"]),
        ("relay", &["relay"]),
        ("wire", &[]),
    ],
};

#[derive(Debug, clap::Args)]
#[command(override_usage = "cargo xtask bench [NAME] [OPTION]...")]
pub(crate) struct Args {
    /// The benchmark to run; behind it options of its own, such as `--quick`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME")]
    rest: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let names = BENCHES.names(&args.rest);
    let mut arguments = BENCHES.packages(&names);
    // Who only asks for the list need not wait for the optimiser.
    if !names.is_empty() {
        arguments.push("--release");
    }
    let built = cargo::build(&arguments)?;
    cargo::become_program(built.program(BENCHES.runner)?, &args.rest)
}
