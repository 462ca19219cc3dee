//! Ctrl-C and SIGTERM.

use std::future::Future;
use std::io;

use cli::{Exit, Failure};
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::drain::{Phase, Stopper};
use crate::serve::Summary;

/// The signals that ask the server to stop. Containers and service managers send SIGTERM.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Hears of them from here on.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one, and gives the exit code of a program that it ended.
    async fn next(&mut self) -> Exit {
        select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

/// Runs `server` and asks it to stop at each signal. The failure beside its summary is an end by a second
/// signal.
pub async fn until_stopped(
    server: impl Future<Output = Summary>,
    mut signals: Signals,
    stopper: Stopper,
) -> (Summary, Option<Failure>) {
    let mut ended_by = None;
    let pass_on = async {
        loop {
            let exit = signals.next().await;
            if stopper.stop() == Phase::Ended {
                ended_by.get_or_insert(exit);
            }
        }
    };
    let summary = select! {
        summary = server => summary,
        never = pass_on => never,
    };
    let failure = ended_by.map(|exit| {
        let connections = summary.cut;
        let plural = if connections == 1 { "" } else { "s" };
        let message =
            format!("stopped by a second signal with {connections} connection{plural} open");
        Failure::new(exit, "interrupted", message)
    });
    (summary, failure)
}
