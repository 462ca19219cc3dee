//! `cargo xtask demo`: builds what a demo starts, and no more, then runs it.

use std::ffi::OsString;
use std::iter;
use std::process::ExitCode;

use crate::cargo;
use crate::error::Error;
use crate::needs::Needs;

/// Every demo and what it starts.
pub(crate) const DEMOS: Needs = Needs {
    runner: "scenarios",
    table: &[
        ("handshake", &["tcp-server", "tcp-client"]),
        ("backlog", &["tcp-server", "tcp-client"]),
        ("flood", &["tcp-server", "tcp-client", "udp-peer"]),
        ("disconnect", &["tcp-server", "tcp-client"]),
        ("close", &["tcp-server", "tcp-client"]),
        ("feedback", &["tcp-server", "tcp-client", "udp-peer"]),
        ("reuse", &["tcp-server", "tcp-client"]),
        ("chat", &["relay", "tcp-client", "udp-peer"]),
        ("families", &["tcp-server", "tcp-client", "udp-peer"]),
        ("silence", &["tcp-server", "tcp-client", "udp-peer"]),
        ("ports", &["tcp-server", "tcp-client", "udp-peer"]),
        ("stream", &["tcp-server", "tcp-client"]),
        ("datagram", &["udp-peer"]),
        ("files", &["tcp-server", "tcp-client"]),
    ],
};

#[derive(Debug, clap::Args)]
#[command(override_usage = "cargo xtask demo [NAME]... [OPTION]...")]
pub(crate) struct Args {
    /// The demos to run, or `all`; behind them options, which `cargo xtask demo all --help` lists.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME")]
    rest: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let names = DEMOS.names(&args.rest);
    let built = cargo::build(&DEMOS.packages(&names))?;
    let replays = |word: &OsString| word.as_encoded_bytes().starts_with(b"--replay");
    let is_run = !names.is_empty() || args.rest.iter().any(replays);
    let word = OsString::from(if is_run { "run" } else { "list" });
    cargo::become_program(built.program(DEMOS.runner)?, iter::once(&word).chain(&args.rest))
}
