//! `scenarios`: plays the demos and reports what they found.
//!
//! | question | module |
//! |---|---|
//! | What may be asked for on the command line? | [`options`] |
//! | How is a knob written? | [`knobs`] |
//! | Which demos are there, and which are played? | [`here`] |
//! | What is left where there is no lab? | `elsewhere` |
//! | Which knobs are there, and does the kernel take this value? | [`kernel`] |
//! | In which order is what played, and how often? | [`play`] |
//! | How is a recorded run shown again? | [`replay`] |
//! | How is what is found shown as it is found? | [`report`] |
//! | Which pages are written, and where? | [`pages`] |
//! | What if standard output cannot be written? | [`told`] |
//! | Under which name is a file written, and what if that fails? | [`written`] |
//! | How far had it come when a signal ended it? | [`interrupt`] |
//! | Where does it wait for a person? | [`pause`] |

#[cfg(not(all(feature = "lab", target_os = "linux")))]
mod elsewhere;
#[cfg(all(feature = "lab", target_os = "linux"))]
mod here;
#[cfg(all(feature = "lab", target_os = "linux"))]
mod interrupt;
#[cfg(all(feature = "lab", target_os = "linux"))]
mod kernel;
mod knobs;
mod options;
mod pages;
#[cfg(all(feature = "lab", target_os = "linux"))]
mod pause;
#[cfg(all(feature = "lab", target_os = "linux"))]
mod play;
mod replay;
mod report;
mod told;
mod written;

use std::process::ExitCode;

use cli::{Events, Exit, Failure, Format};
use scenarios::json;
use serde_json::json;

#[cfg(not(all(feature = "lab", target_os = "linux")))]
use crate::elsewhere as machine;
#[cfg(all(feature = "lab", target_os = "linux"))]
use crate::here as machine;
use crate::options::{Args, Command};
use crate::told::print;

fn main() -> ExitCode {
    let exit = match cli::parse::<Args>(json::SCHEMA).command {
        Command::List { common } => machine::list(common.format()),
        Command::Run { names, run } => match &run.replay {
            Some(file) => replay::replay(file, &run),
            None => machine::run(&names, &run),
        },
        Command::Doctor { common } => machine::doctor(common.format()),
    };
    // What was written last, and what is no report.
    let exit = told::trouble().map_or(exit, |failure| {
        failure.print();
        failure.exit()
    });
    exit.into()
}

/// Says why nothing was started.
fn refuse(failure: &Failure, format: Format) -> Exit {
    failure.print();
    if format == Format::Json {
        let end = json!({ "ok": false, "exit": failure.exit().code(), "error": failure });
        Events::stdout(json::SCHEMA).emit("end", &end);
    }
    failure.exit()
}
