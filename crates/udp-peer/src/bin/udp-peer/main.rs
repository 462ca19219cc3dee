//! The `udp-peer` program: datagrams between people, and what can be built on them.

mod args;
mod echo;
mod failures;
mod filing;
mod input;
mod keys;
mod ping;
mod private;
mod recv;
mod report;
mod talk;

use std::io;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use cli::{Exit, Failure, signals};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::args::{Args, Command, TalkPlan};
use crate::filing::Leave;
use crate::private::LAST_WORD;
use crate::report::{Report, SCHEMA};

fn main() {
    let args: Args = cli::parse(SCHEMA);
    let common = args.command.common();
    common.init_log();
    let mode = args.command.mode();
    let report = Arc::new(Report::new(mode, args.command.is_reliable(), common));
    let filed = match &args.command {
        Command::SendFile(args) => Some(filing::send(args, &report)),
        Command::RecvFile(args) => Some(filing::receive(args, &report)),
        _ => None,
    };
    // It has said how it ended itself.
    match filed {
        Some(Leave::With(exit)) => process::exit(exit.code().into()),
        Some(Leave::By(signal)) => signals::die_by(signal),
        None => {}
    }
    let (exit, signal, failure) = match run(&args.command, &report) {
        Ok(None) => (Exit::Ok, None, None),
        Ok(Some(signal)) => (signals::exit(signal), Some(signal), None),
        Err(failure) => (failure.exit(), None, Some(failure)),
    };
    report.end(exit, failure);
    // Without waiting for anybody: a thread may be reading a terminal at which nobody types.
    match signal {
        Some(signal) => signals::die_by(signal),
        None => process::exit(exit.code().into()),
    }
}

/// Does what was asked for. The value is the signal that the program is to die by, if any.
fn run(command: &Command, report: &Arc<Report>) -> Result<Option<i32>, Failure> {
    let cannot_start = |error| Failure::from_io(Exit::Failed, "cannot start", &error);
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(cannot_start)?;
    let ended = match command {
        Command::Recv(args) if args.private.reliable => {
            let stop = watch_for(LAST_WORD).map_err(cannot_start)?;
            let received = private::recv::receive(args, &args.private.keys, report, stop);
            runtime.block_on(received).map(|()| None)
        }
        Command::Recv(args) => {
            let stop = watch().map_err(cannot_start)?;
            // It serves until it is told to stop, and has then done what it should.
            runtime.block_on(recv::receive(args, report, stop)).map(|()| None)
        }
        Command::Send(args) if args.private.reliable => {
            let (plan, stop) = (args.plan()?, watch_for(LAST_WORD).map_err(cannot_start)?);
            runtime.block_on(private::send::send(&plan, &args.private.keys, report, stop))
        }
        Command::Send(args) => talk(&runtime, &args.plan()?, report),
        Command::Chat(args) if !args.plain => {
            let (plan, stop) = (args.plan()?, watch_for(LAST_WORD).map_err(cannot_start)?);
            runtime.block_on(private::chat::chat(&plan, &args.private, report, stop))
        }
        Command::Chat(args) => talk(&runtime, &args.plan()?, report),
        Command::Ping(args) => {
            let stop = watch().map_err(cannot_start)?;
            // Ctrl-C is how it ends where no count was given, and it has then done what it should.
            runtime.block_on(ping::ping(args, report, stop)).map(|()| None)
        }
        Command::Echo(args) => {
            let stop = watch().map_err(cannot_start)?;
            runtime.block_on(echo::echo(args, report, stop)).map(|()| None)
        }
        Command::SendFile(_) | Command::RecvFile(_) => Ok(None),
        Command::Key(args) => keys::run(args, report).map(|()| None),
    };
    // Dropping the runtime would wait for a thread that writes to a pipe that nobody reads.
    runtime.shutdown_background();
    ended
}

fn talk(
    runtime: &runtime::Runtime,
    plan: &TalkPlan,
    report: &Arc<Report>,
) -> Result<Option<i32>, Failure> {
    // Where nothing is to be said at the end, the signals keep their default, which nothing can delay.
    let stop = if report.has_last_word() { Some(watch()) } else { None };
    let stop =
        stop.transpose().map_err(|error| Failure::from_io(Exit::Failed, "cannot start", &error))?;
    runtime.block_on(talk::talk(plan, report, stop))
}

/// Gives the first SIGINT or SIGTERM to the receiver.
fn watch() -> io::Result<oneshot::Receiver<i32>> {
    let (sender, receiver) = oneshot::channel();
    signals::watch(move |signal| {
        // Where nobody receives it, the program is about to end anyway.
        let _ = sender.send(signal);
    })?;
    Ok(receiver)
}

/// The same for an end that may take some time.
fn watch_for(last_word: Duration) -> io::Result<oneshot::Receiver<i32>> {
    let (sender, receiver) = oneshot::channel();
    signals::watch_for(last_word, move |signal| {
        // Where nobody receives it, the program is about to end anyway.
        let _ = sender.send(signal);
    })?;
    Ok(receiver)
}
