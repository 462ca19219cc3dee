//! Runs the demos, the tests and the benchmarks; `cargo xtask` alone lists what can be done.
//!
//! | question | module |
//! |---|---|
//! | How is a demo built and started? | [`demo`] |
//! | What do the demos say of each claim, and where is that written? | [`docs`] |
//! | What does this machine lack for the lab? | [`doctor`] |
//! | How is a benchmark built and started? | [`mod@bench`] |
//! | What is given mutated bytes, and for how long? | [`fuzz`] |
//! | What is built before something is run? | [`needs`] |
//! | What is tested, in which steps? | [`mod@test`] |
//! | Which rules are no compiler's business? | [`tidy`] |
//! | How is cargo asked? | [`cargo`] |

mod bench;
mod cargo;
mod demo;
mod docs;
mod doctor;
mod error;
mod fuzz;
mod needs;
mod say;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::error::Error;

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                  list the demos
  cargo xtask demo backlog          what happens when the accept queue is full
  cargo xtask demo backlog --help   theory, knobs, comparisons: what else a demo can do
  cargo xtask doctor                what this machine lacks for the demos, and the cure
  cargo xtask test                  everything that must hold before a change is merged
  cargo xtask test --only clippy,unit
  cargo xtask fuzz                  mutated bytes for every parser and state machine, 4 minutes";

/// Runs the demos, the tests and the benchmarks.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Xtask {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Show on the real kernel what happens; without a name, list the demos.
    Demo(demo::Args),
    /// Test each thing that the demos need, and print the cure for what is missing.
    Doctor(doctor::Args),
    /// Write the README's table of claims from the recorded run, or record a new one.
    Docs(docs::Args),
    /// Run every check and every test, or some of the steps.
    Test(test::Args),
    /// Give parsers and state machines what libFuzzer makes of good input.
    Fuzz(fuzz::Args),
    /// Measure ours beside its peers; without a name, list the benchmarks.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let ended = match Xtask::parse().task {
        None => {
            say::out(Xtask::command().render_help());
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Demo(args)) => demo::run(&args),
        Some(Task::Doctor(args)) => doctor::run(&args),
        Some(Task::Docs(args)) => docs::run(&args),
        Some(Task::Test(args)) => test::run(&args),
        Some(Task::Fuzz(args)) => fuzz::run(&args),
        Some(Task::Bench(args)) => bench::run(&args),
    };
    ended.unwrap_or_else(|error: Error| {
        say::err(format_args!("error: {error}"));
        // As for bad usage: nothing was started, so nothing that was to be seen has failed.
        ExitCode::from(2)
    })
}
