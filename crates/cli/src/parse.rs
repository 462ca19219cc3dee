//! Reading the command line, and what a wrong one ends with.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process;

use clap::Parser;
use serde::Serialize;

use crate::events::Events;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::manual;
use crate::output;

#[derive(Serialize)]
struct End {
    ok: bool,
    exit: u8,
    error: Failure,
}

/// Reads the command line of a program whose events have this `schema`.
///
/// A wrong command line ends the program as clap does, and where JSON was asked for, with an `end` event
/// as well: a script that reads events sees the same there as anywhere else.
pub fn parse<P: Parser>(schema: &'static str) -> P {
    let mut command = P::command().args(manual::options());
    let args: Vec<_> = env::args_os().skip(1).collect();
    match manual::print(&command, &args) {
        None => {}
        Some(Ok(())) => process::exit(Exit::Ok.code().into()),
        Some(Err(failure)) => {
            failure.print();
            process::exit(failure.exit().code().into());
        }
    }
    let parsed = command.try_get_matches_from_mut(env::args_os());
    let error = match parsed.and_then(|mut matches| P::from_arg_matches_mut(&mut matches)) {
        Ok(parsed) => return parsed,
        Err(error) => error.format(&mut command),
    };
    let code = error.exit_code();
    let printed = error.print().and_then(|()| io::stdout().flush());
    if code == 0 {
        // Help that was asked for and cannot be had is no success; who has read enough of it is content.
        output::or_exit(printed);
    }
    if code != 0 && asks_for_json(args.into_iter()) {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let error = Failure::new(Exit::Usage, "usage", message);
        Events::stdout(schema).emit("end", &End { ok: false, exit: Exit::Usage.code(), error });
    }
    process::exit(code)
}

/// Whether JSON is asked for on a command line that clap has refused.
fn asks_for_json(args: impl Iterator<Item = OsString>) -> bool {
    let mut after_format = false;
    for arg in args {
        if arg == "--" {
            return false;
        }
        if arg == "--json" || arg == "--format=json" || (after_format && arg == "json") {
            return true;
        }
        after_format = arg == "--format";
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_on_a_command_line_that_cannot_be_read() {
        for (line, asked) in [
            ("--json", true),
            ("--format json -x", true),
            ("-x --format=json", true),
            ("--format text json", false),
            ("-- --json", false),
            ("", false),
        ] {
            assert_eq!(asks_for_json(line.split(' ').map(Into::into)), asked, "{line}");
        }
    }
}
