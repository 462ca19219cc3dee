//! `cargo xtask bench`: builds the benchmarks and what they measure, then runs one.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cargo;
use crate::error::Error;

#[derive(Debug, clap::Args)]
#[command(override_usage = "cargo xtask bench [NAME] [OPTION]...")]
pub(crate) struct Args {
    /// The benchmark to run; behind it options of its own, such as `--quick`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME")]
    rest: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let built = cargo::build(&["--release", "-p", "bench", "-p", "tcp-server"])?;
    cargo::become_program(built.program("bench")?, &args.rest)
}
