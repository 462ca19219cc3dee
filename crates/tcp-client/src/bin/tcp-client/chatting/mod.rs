//! `tcp-client chat`: a person, or a pipe, in a room of a relay.
//!
//! What is shown and what becomes of lines is for [`chat::Chat`] to say; here are the connection, the
//! clock, standard input and the output.

mod args;
mod driver;
mod link;
mod tell;

use std::io;
use std::time::Instant;

use cli::{Exit, Failure, signals};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::Leave;
use crate::report::Report;

pub(crate) use args::ChatArgs;
use driver::{Driver, Ended};
use tell::Tell;

/// Runs to the end, tells it, and says how to leave.
pub(crate) fn run(args: &ChatArgs) -> Leave {
    let started = Instant::now();
    let report = Report::new(args.common);
    let tell = Tell::new(&report, args.common.quiet);
    let ended = args.plan().and_then(|plan| {
        let address = plan.address.clone();
        let driver = Driver::new(args.settings(), plan, &tell);
        let ended = block_on(driver)
            .map_err(|error| Failure::from_io(Exit::Failed, "cannot start", &error))?;
        Ok((ended, address))
    });
    let (outcome, failure, signal) = match ended {
        Ok((Ended { outcome, failure, signal }, address)) => {
            let failure = failure.or_else(|| tell::failure(&outcome, &address, signal));
            (Some(outcome), failure, signal)
        }
        Err(failure) => (None, Some(failure), None),
    };
    let exit = match (&failure, signal) {
        (_, Some(signal)) => signals::exit(signal),
        (Some(failure), None) => failure.exit(),
        (None, None) => Exit::Ok,
    };
    let was_well = failure.is_none();
    tell.end(exit, outcome, failure, started.elapsed());
    if was_well && let Some(failure) = tell.failure() {
        // It was the last event that could not be written.
        failure.print();
        return Leave::With(failure.exit());
    }
    signal.map_or(Leave::With(exit), Leave::By)
}

fn block_on(driver: Driver<'_>) -> io::Result<Ended> {
    let (sender, stop) = oneshot::channel();
    // Always: a line that was not sent is told, also when it is Ctrl-C that ends it.
    signals::watch(move |signal| {
        // Where nobody receives it, the program is about to end anyway.
        let _ = sender.send(signal);
    })?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(driver.run(stop));
    // Dropping the runtime would wait for the thread that reads standard input.
    runtime.shutdown_background();
    ended
}
