//! `tcp-client send-file` and `recv-file`: files over connections that may break.
//!
//! What goes over the wire the crate `files` knows, and how disks are read and written `transfer`; here
//! are the connection that is made again, what is told, and the exit code.

mod args;
mod session;

use std::io;

use cli::{Exit, Failure, signals};
use files::ClientOpening;
use tokio::runtime;
use tokio::sync::oneshot;
use transfer::meter::{nothing_to_send, open_folder};
use transfer::{Direction, Meter, Receiving, Sending, Source};

use crate::Leave;
use crate::args::Plan;
use crate::report::Report;

use args::WayArgs;
pub(crate) use args::{RecvArgs, SendArgs};
use session::{Ended, Session, Work};

/// Sends to the end, tells it, and says how to leave.
pub(crate) fn send(args: &SendArgs) -> Leave {
    run(&args.way, Direction::Send, || {
        let plan = args.plan()?;
        let source = Source::of_paths(&args.paths);
        if source.entries.is_empty() {
            return Err(nothing_to_send(&source));
        }
        Ok((plan, Work::Send(Sending::new(source))))
    })
}

/// Receives to the end, tells it, and says how to leave.
pub(crate) fn receive(args: &RecvArgs) -> Leave {
    run(&args.way, Direction::Receive, || {
        let plan = args.plan()?;
        ClientOpening::check(&args.names).map_err(|error| {
            Failure::new(Exit::Usage, "too_much_asked", format!("cannot ask for that: {error}"))
                .hint("name the folder that they are in, or give the command several times")
        })?;
        let folder = open_folder(&args.dir)?;
        let receiving = Receiving::remembering().asking(args.names.clone());
        Ok((plan, Work::Receive { folder, receiving }))
    })
}

fn run(
    args: &WayArgs,
    direction: Direction,
    prepare: impl FnOnce() -> Result<(Plan, Work), Failure>,
) -> Leave {
    let report = Report::new(args.common);
    let mut meter = Meter::new(&report, direction, args.common.quiet, args.progress);
    let ended = prepare().and_then(|(plan, work)| {
        let session = Session {
            plan: &plan,
            after_break: args.after_break(),
            work,
            run: fastrand::u64(..),
            meter: &mut meter,
        };
        block_on(session).map_err(|error| Failure::from_io(Exit::Failed, "cannot start", &error))
    });
    let (failure, signal) = match ended {
        Ok(Ended { failure, signal }) => (failure, signal),
        Err(failure) => (Some(failure), None),
    };
    let exit = match (&failure, signal) {
        (_, Some(signal)) => signals::exit(signal),
        (Some(failure), None) => failure.exit(),
        (None, None) => Exit::Ok,
    };
    meter.end(exit, failure);
    signal.map_or(Leave::With(exit), Leave::By)
}

fn block_on(session: Session<'_, '_>) -> io::Result<Ended> {
    let (sender, stop) = oneshot::channel();
    // Always: that what has come is kept is told, also when it is Ctrl-C that ends it.
    signals::watch(move |signal| {
        // Where nobody receives it, the program is about to end anyway.
        let _ = sender.send(signal);
    })?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(session.run(stop)))
}
