//! The `bench` program; `cargo xtask bench` builds what it needs and starts it.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::report::Report;
use bench::rounds::Rounds;
use bench::row::Tally;
use bench::session::{Audience, Plan, Session};
use bench::{bare_echo, framing, publish, relay, server, tcp, wire};
use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::{CommonArgs, Events, Exit, Failure, Format, output};
use serde_json::json;

/// The name and version of the events.
const SCHEMA: &str = "bench/1";

/// Measures our crates and programs beside their peers: on the same work, in the same run, in turn.
///
/// Each row has a goal. A table says which were met, and every run says on which machine.
#[derive(Debug, Parser)]
#[command(name = "bench", version, args_conflicts_with_subcommands = true)]
#[command(after_long_help = "\
Examples:
  cargo xtask bench                     the list of benches
  cargo xtask bench framing             one bench
  cargo xtask bench all --quick         every bench, in three rounds instead of five
  cargo xtask bench relay --work turn   some of its works
  cargo xtask bench tcp --update docs/benchmarks.md

Exit codes:
  0   every measurement worked, whether or not the goals were met
  1   a measurement failed; with --strict also: a goal was missed, or a row was not measured
  2   it could not begin: wrong usage, or a program that must be built first is not there")]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// What to measure; none lists what there is.
    #[arg(value_name = "NAME")]
    names: Vec<Name>,
    /// Only the works whose names begin so; may be given again.
    #[arg(long = "work", value_name = "PREFIX", conflicts_with = "update")]
    works: Vec<String>,
    /// Three counted rounds instead of five. No bench leaves out a row so far.
    #[arg(long)]
    quick: bool,
    /// So many counted rounds, at least five: more of them for a machine that others use too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(5..), conflicts_with = "quick")]
    rounds: Option<u16>,
    /// How long one measurement takes, instead of each bench's own time.
    #[arg(long, value_name = "DUR", value_parser = cli::values::duration)]
    time: Option<Duration>,
    /// End with 1 if a goal was missed or a row was not measured.
    #[arg(long)]
    strict: bool,
    /// Print the table in Markdown.
    #[arg(long, conflicts_with_all = ["format", "json"])]
    markdown: bool,
    /// Put the table into a Markdown file, between the markers of the bench.
    #[arg(long, value_name = "FILE")]
    update: Option<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Finding and stamping frames, beside tokio-util's codec and a plain copy.
    Framing,
    /// tcp-server in mode frames, beside a bare echo of ten lines.
    Tcp,
    /// relay, beside nats-server and redis-server.
    Relay,
    /// The wire of the lab, which carries and records.
    Wire,
    /// All of them.
    All,
}

/// What else this program is, to itself.
#[derive(Debug, Subcommand)]
enum Role {
    #[command(name = server::AS_PEER, hide = true)]
    AsPeer { parent: u32, program: OsString, args: Vec<OsString> },
    #[command(name = tcp::BARE_ECHO, hide = true)]
    BareEcho,
    #[command(name = tcp::BARE_TLS, hide = true)]
    BareTls { pem: PathBuf },
    #[command(name = wire::WIRE_LAB, hide = true)]
    WireLab { load: wire::Load, millis: u64 },
}

fn main() -> ExitCode {
    let cli: Cli = cli::parse(SCHEMA);
    let exit = match cli.role {
        Some(role) => become_role(role),
        None => run(&cli.run),
    };
    exit.into()
}

fn run(args: &RunArgs) -> Exit {
    args.common.init_log();
    if args.names.is_empty() {
        list();
        return Exit::Ok;
    }
    let audience = match (args.common.format(), args.common.quiet) {
        (Format::Json, _) => Audience::Program(Events::stdout(SCHEMA)),
        (Format::Text, true) => Audience::Nobody,
        (Format::Text, false) => Audience::Person,
    };
    let rounds = match args.rounds {
        Some(rounds) => Rounds { counted: rounds.into() },
        None if args.quick => Rounds::QUICK,
        None => Rounds::FULL,
    };
    let works = args.works.clone();
    let mut session =
        Session::start(Plan { rounds, time: args.time, works, command: command() }, audience);
    let result = measure(&mut session, args);
    let exit = match &result {
        Ok(()) => verdict(session.tally(), args.strict),
        Err(failure) => {
            failure.print();
            failure.exit()
        }
    };
    session.end(exit, result.as_ref().err());
    exit
}

/// A missed goal is a result, not a failure, unless the person wants it to be one.
fn verdict(tally: Tally, strict: bool) -> Exit {
    if strict && tally.met < tally.rows { Exit::Failed } else { Exit::Ok }
}

fn measure(session: &mut Session, args: &RunArgs) -> Result<(), Failure> {
    for name in [Name::Framing, Name::Tcp, Name::Relay, Name::Wire] {
        if !args.names.contains(&name) && !args.names.contains(&Name::All) {
            continue;
        }
        match name {
            Name::Framing => framing::run(session)?,
            Name::Tcp => tcp::run(session)?,
            Name::Relay => relay::run(session)?,
            Name::Wire => wire::run(session)?,
            Name::All => unreachable!("it is not in the list above"),
        }
        let Some(report) = session.reports().last() else { continue };
        show(report, args);
        if let Some(path) = &args.update {
            publish::update(path, report)?;
        }
    }
    Ok(())
}

fn show(report: &Report, args: &RunArgs) {
    let text = match (args.common.format(), args.markdown) {
        (Format::Json, _) => return,
        (Format::Text, true) => report.markdown(),
        (Format::Text, false) => report.text(),
    };
    output::or_exit(io::stdout().write_all(text.as_bytes()));
}

fn list() {
    let line = |name: &Name| {
        let value = name.to_possible_value()?;
        Some(format!("{:10}{}\n", value.get_name(), value.get_help()?))
    };
    let text: String = Name::value_variants().iter().filter_map(line).collect();
    output::or_exit(io::stdout().write_all(text.as_bytes()));
}

/// The command that measures the same again, for whoever reads the table.
fn command() -> String {
    let args = std::env::args().skip(1);
    let mut words: Vec<String> = ["cargo", "xtask", "bench"].map(String::from).into();
    let mut is_file = false;
    for arg in args {
        // Where the table goes is no part of how it was measured.
        let skipped = is_file || arg.starts_with("--update=") || arg == "--markdown";
        is_file = arg == "--update";
        if !skipped && !is_file {
            words.push(arg);
        }
    }
    words.join(" ")
}

fn become_role(role: Role) -> Exit {
    let result = match role {
        Role::AsPeer { parent, program, args } => {
            let error = server::become_peer(parent, &program, &args);
            Err((format!("cannot start {}", program.display()), error))
        }
        Role::BareEcho => tokio::runtime::Runtime::new()
            .and_then(|runtime| runtime.block_on(bare_echo::serve(tell)))
            .map_err(|error| ("the bare echo failed".to_owned(), error)),
        Role::BareTls { pem } => tokio::runtime::Runtime::new()
            .and_then(|runtime| runtime.block_on(bare_echo::serve_tls(&pem, tell)))
            .map_err(|error| ("the bare echo over TLS failed".to_owned(), error)),
        // The process has one thread still: it may enter namespaces.
        Role::WireLab { load, millis } => wire::measure_here(load, Duration::from_millis(millis))
            .and_then(|seen| serde_json::to_string(&seen).map_err(|error| error.to_string()))
            .map(|seen| output::or_exit(writeln!(io::stdout(), "{seen}")))
            .map_err(|why| ("the lab failed".to_owned(), io::Error::other(why))),
    };
    match result {
        Ok(()) => Exit::Ok,
        Err((operation, error)) => {
            Failure::from_io(Exit::Failed, &operation, &error).print();
            Exit::Failed
        }
    }
}

/// Says where the bare echo listens, as our programs do.
fn tell(address: &str) {
    Events::stdout("bare-echo/1").emit("listening", &json!({"addr": address}));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_strict_turns_a_missed_goal_into_a_failure() {
        let met = Tally { rows: 2, met: 2, missed: 0, skipped: 0 };
        let missed = Tally { rows: 2, met: 1, missed: 1, skipped: 0 };
        let skipped = Tally { rows: 2, met: 1, missed: 0, skipped: 1 };
        for (tally, strict, exit) in [
            (met, true, Exit::Ok),
            (missed, false, Exit::Ok),
            (skipped, false, Exit::Ok),
            (missed, true, Exit::Failed),
            (skipped, true, Exit::Failed),
        ] {
            assert_eq!(verdict(tally, strict), exit, "{tally:?} {strict}");
        }
    }
}
