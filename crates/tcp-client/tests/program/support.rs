//! The client under test.

use std::process::{Command, Stdio};

pub(crate) use tests::running::{Finished, LIMIT, Running};
pub(crate) use tests::sockets::{Peer, full_queue, read_to_end, reset, unused_port};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tcp-client");

/// A command that runs the client, with pipes for standard input, output and error.
pub(crate) fn command(args: &[&str]) -> Command {
    tests::piped(PROGRAM, args)
}

/// Starts the client.
#[track_caller]
pub(crate) fn start(args: &[&str]) -> Running {
    Running::start(&mut command(args))
}

/// Runs the client on an empty input to its end.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Finished {
    Running::start(command(args).stdin(Stdio::null())).finish()
}

/// Runs the client on this input to its end.
#[track_caller]
pub(crate) fn run_with_input(args: &[&str], input: &[u8]) -> Finished {
    let mut client = start(args);
    client.write(input);
    client.close_stdin();
    client.finish()
}
