//! `cargo xtask docs`: writes into the README what a recorded run says of each claim.
//!
//! A verdict belongs to a run, so the table is made from one that is kept beside it, and is never
//! written by hand. Beside it some demos are recorded as a whole, for the documentation to show, one of
//! them also as a recording of a terminal (`recordings`). `cargo xtask test` sees to it that the README says
//! what the record says (step `tidy`), and that every later run says so too (steps `lab-user` and `lab-root`).

mod record;
mod recordings;
mod table;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::cargo;
use crate::demo::DEMOS;
use crate::error::Error;
use crate::say;

pub(crate) use record::{PATH as RECORD, Record};
pub(crate) use table::{README, placed, without};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Play the demos, all or those that are named, and record what they say.
    #[arg(long)]
    record: bool,
    /// Show the recorded runs again, as text and as a recording of a terminal, and play nothing.
    #[arg(long, conflicts_with = "record")]
    render: bool,
    /// Change nothing; fail where the README does not say what the record says.
    #[arg(long, conflicts_with_all = ["record", "render"])]
    check: bool,
    /// The demos to record; what is recorded of others stays.
    #[arg(value_name = "NAME", requires = "record")]
    names: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let root = cargo::root();
    if args.record {
        record_to(&root.join(RECORD), &args.names)?;
    }
    if args.render {
        let built = cargo::build(&["-p", DEMOS.runner])?;
        recordings::render(built.program(DEMOS.runner)?)?;
    }
    let record = Record::read(&read(&root.join(RECORD))?)?;
    let path = root.join(README);
    let readme = read(&path)?;
    let written = placed(&readme, &record)?;
    if written == readme {
        say::out(format_args!("{README} says what {RECORD} says"));
        return Ok(ExitCode::SUCCESS);
    }
    if args.check {
        say::out(format_args!("{README} does not say what {RECORD} says: cargo xtask docs"));
        return Ok(ExitCode::FAILURE);
    }
    write(&path, &written)?;
    say::out(format_args!("{README}: the table of claims is written from {RECORD}"));
    Ok(ExitCode::SUCCESS)
}

/// Plays these demos, all if none is named, and puts what they say into the record.
fn record_to(path: &Path, names: &[OsString]) -> Result<(), Error> {
    let all = [OsString::from("all")];
    let names = if names.is_empty() { &all } else { names };
    let built =
        cargo::build(&DEMOS.packages(&names.iter().map(OsString::as_os_str).collect::<Vec<_>>()))?;
    let program = built.program(DEMOS.runner)?;
    let mut run = Command::new(program);
    run.arg("run").args(names).args(["--format", "json"]);
    let output = run
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Start { program: program.display().to_string(), source })?;
    let new = Record::of_run(&String::from_utf8_lossy(&output.stdout))?;
    let record = match fs::read_to_string(path) {
        // With all of them recorded nothing of the old one stays: a demo may be gone.
        Ok(old) if names != all => Record::read(&old)?.with(new),
        _ => new,
    };
    say::out(format_args!("{RECORD}: {} demos, {} claims", record.demos(), record.claims()));
    write(path, &record.to_text())?;
    recordings::record(program, names)
}

fn read(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::File { doing: format!("read {}", path.display()), source };
    fs::read_to_string(path).map_err(failed)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::File { doing: format!("write {}", path.display()), source };
    fs::write(path, text).map_err(failed)
}
