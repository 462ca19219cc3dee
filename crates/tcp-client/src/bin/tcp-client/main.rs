//! The `tcp-client` program: standard input to the peer, what the peer sends to standard output.

mod args;
mod chatting;
mod failures;
mod filing;
mod input;
mod output;
mod report;
mod secure;
mod session;

use std::io;
use std::process;

use cli::{Exit, Failure, signals};
use proto::Ending;
use tcp_client::talk::Fault;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::args::{Args, Command, Plan};
use crate::input::Input;
use crate::output::Output;
use crate::report::{End, Report, SCHEMA};
use crate::session::{Outcome, Session};

/// How the program leaves.
pub(crate) enum Leave {
    With(Exit),
    By(i32),
}

fn main() {
    let args: Args = cli::parse(SCHEMA);
    signals::outlive_file_size_limit();
    let leave = match &args.command {
        Some(Command::Chat(chat)) => {
            chat.common.init_log();
            chatting::run(chat)
        }
        Some(Command::SendFile(send)) => {
            send.init_log();
            filing::send(send)
        }
        Some(Command::RecvFile(receive)) => {
            receive.init_log();
            filing::receive(receive)
        }
        None => {
            args.common.init_log();
            run(&args)
        }
    };
    // Without waiting for anybody: a thread may be reading a terminal at which nobody types.
    match leave {
        Leave::With(exit) => process::exit(exit.code().into()),
        Leave::By(signal) => signals::die_by(signal),
    }
}

/// Runs a plain connection to its end, and says how to leave.
fn run(args: &Args) -> Leave {
    let started = Instant::now();
    let report = Report::new(args.common);
    let left = args.plan().and_then(|plan| {
        let (outcome, signal) = converse(args, &plan, &report)
            .map_err(|error| Failure::from_io(Exit::Failed, "cannot start", &error))?;
        Ok(finish(&outcome, signal, &plan, &report, started))
    });
    left.unwrap_or_else(|failure| {
        failure.print();
        let exit = failure.exit();
        report.event("end", &End::new(exit, started.elapsed(), None, Some(failure)));
        Leave::With(exit)
    })
}

/// Connects and talks. The second value is the signal that ended it, if one did.
fn converse(args: &Args, plan: &Plan, report: &Report) -> io::Result<(Outcome, Option<i32>)> {
    // Where nothing is to be said at the end, the signals keep their default, which nothing can delay.
    let says_last_word = report.is_json() || report.is_verbose();
    let stop = if says_last_word {
        let (sender, receiver) = oneshot::channel();
        signals::watch(move |signal| {
            // Where nobody receives it, the program is about to end anyway.
            let _ = sender.send(signal);
        })?;
        Some(receiver)
    } else {
        None
    };
    let session = Session {
        plan,
        report,
        input: Input::open(args.crlf)?,
        output: Output::open(report, args.raw)?,
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(session.run(stop));
    // Dropping the runtime would wait for the thread that reads standard input.
    runtime.shutdown_background();
    Ok(ended)
}

/// Says how it went, and how the program is to leave.
fn finish(
    outcome: &Outcome,
    signal: Option<i32>,
    plan: &Plan,
    report: &Report,
    started: Instant,
) -> Leave {
    let talked = match outcome {
        Outcome::Talked { talked, .. } => Some(talked),
        _ => None,
    };
    if let Some(Fault::Output(error)) = talked.and_then(|talked| talked.fault.as_ref())
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        // Whoever reads has what it wanted, as in `| head -c1`.
        return Leave::With(Exit::Ok);
    }
    let failure = match outcome {
        Outcome::Open | Outcome::Interrupted => None,
        Outcome::TooLate => Some(failures::deadline_before_connection(plan)),
        Outcome::NotConnected(error) => Some(failures::no_connection(error, plan)),
        Outcome::Talked { peer, talked } => failures::of_talk(talked, peer, plan),
    };
    let exit = match (&failure, signal) {
        (Some(failure), _) => failure.exit(),
        (None, Some(signal)) => signals::exit(signal),
        (None, None) => Exit::Ok,
    };
    if let Outcome::NotConnected(error) = outcome {
        report.unreached(error);
    }
    if let Outcome::Talked { peer, talked } = outcome {
        report.summary(talked);
        if talked.ending == Ending::PeerFin && talked.paused {
            report.warn(format_args!(
                "{peer} had closed its direction, and standard input paused: what it gives later is not sent"
            ));
        }
    }
    if let Some(failure) = &failure {
        failure.print();
    }
    report.event("end", &End::new(exit, started.elapsed(), talked, failure));
    match signal {
        Some(signal) if exit == signals::exit(signal) => Leave::By(signal),
        _ => Leave::With(exit),
    }
}
