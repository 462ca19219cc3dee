//! `scenarios`: plays the demos and reports what they found.
//!
//! | question | module |
//! |---|---|
//! | What may be asked for on the command line? | [`options`] |
//! | Which knobs are there, and does the kernel take this value? | [`knobs`] |
//! | In which order is what played, and how often? | [`play`] |
//! | How is what is found shown as it is found? | [`report`] |
//! | Which pages are written, and where? | [`pages`] |
//! | How far had it come when a signal ended it? | [`interrupt`] |
//! | Where does it wait for a person? | [`pause`] |

mod interrupt;
mod knobs;
mod options;
mod pages;
mod pause;
mod play;
mod report;

use std::io::{self, Write as _};
use std::process::ExitCode;

use cli::nearest::nearest;
use cli::{Events, Exit, Failure, Format, output};
use scenarios::scenario::{ALL, Scenario, find};
use scenarios::{doctor, json};
use serde_json::json;

use crate::options::{Args, Command};

fn main() -> ExitCode {
    let exit = match cli::parse::<Args>(json::SCHEMA).command {
        Command::List { common } => {
            list(common.format());
            Exit::Ok
        }
        Command::Run { names, run } => {
            let format = run.common.format();
            let ready = pick(&names).and_then(|demos| run.checked(&demos).map(|()| demos));
            ready.map_or_else(|failure| refuse(&failure, format), |demos| play::play(&demos, &run))
        }
        Command::Doctor { common } => doctor::run(common.format()),
    };
    exit.into()
}

fn list(format: Format) {
    match format {
        Format::Json => {
            let events = Events::stdout("demos/1");
            for Scenario { name, question, seconds, .. } in ALL {
                events.emit("demo", &json!({ "demo": name, "says": question, "seconds": seconds }));
            }
            events.emit("end", &json!({ "ok": true, "exit": 0 }));
        }
        Format::Text => {
            print(&format!("{:<12}  {:>5}  WHAT YOU WILL SEE\n", "NAME", "TIME"));
            for Scenario { name, question, seconds, .. } in ALL {
                print(&format!("{name:<12}  {:>5}  {question}\n", format!("{seconds} s")));
            }
        }
    }
}

fn pick(names: &[String]) -> Result<Vec<Scenario>, Failure> {
    if names == ["all"] {
        return Ok(ALL.to_vec());
    }
    names.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

fn unknown(name: &str) -> Failure {
    let known = ALL.map(|scenario| scenario.name);
    let failure = Failure::new(Exit::Usage, "unknown_demo", format!("there is no demo \"{name}\""));
    let failure = match nearest(name, known, 1).first() {
        Some(nearest) => failure.hint(format!("the nearest is {nearest}")),
        None => failure,
    };
    failure.hint(format!("there are: {}", known.join(", ")))
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

fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    output::or_exit(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}
