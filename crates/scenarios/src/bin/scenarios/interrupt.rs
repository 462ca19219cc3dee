//! How far had it come when a signal ended it?

use std::process;
use std::sync::{Arc, Mutex};

use cli::{Exit, Failure, signals};
use netlab::Level;
use scenarios::scratch;

use crate::pause;
use crate::report::{Phase, Report, lock};

/// Lets the first SIGINT or SIGTERM end the run with a word on how far it has come.
///
/// The process then ends at once, and nothing is left of it: it is the first one of a PID namespace, so
/// the kernel ends every program in it, and the hosts' namespaces end with the last who is in them.
/// Without namespaces each program dies of its parent's death.
pub(crate) fn watch(report: &Arc<Mutex<Report>>, level: Level) -> Result<(), Failure> {
    let report = Arc::clone(report);
    let watched = signals::first(move |signal| {
        // While this holds the report nobody else can say anything, so what is told here is the end.
        let mut report = lock(&report);
        pause::no_more();
        match &report.phase {
            Phase::Playing => {
                let exit = report.interrupted(signals::exit(signal));
                scratch::remove_all();
                if level.has_namespaces() {
                    // The outer process makes the signal's death of this code.
                    process::exit(exit.code().into());
                }
                signals::die_by(signal);
            }
            // It ends as it would have without the signal, which came in place of Enter.
            Phase::Keeping(enough) => drop(enough.send(())),
            Phase::Over => {}
        }
    });
    watched.map_err(|error| Failure::from_io(Exit::Failed, "cannot listen for signals", &error))
}
