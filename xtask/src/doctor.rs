//! `cargo xtask doctor`: what this machine lacks for the lab, and the cure.

use std::ffi::OsString;
use std::iter;
use std::process::ExitCode;

use crate::cargo;
use crate::error::Error;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Options of `scenarios doctor`, such as `--format json`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let built = cargo::build(&["-p", "scenarios"])?;
    let doctor = OsString::from("doctor");
    cargo::become_program(built.program("scenarios")?, iter::once(&doctor).chain(&args.options))
}
