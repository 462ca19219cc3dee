//! Ctrl-C, SIGTERM, SIGHUP and SIGUSR1.

use std::fs;
use std::future::{self, Future};
use std::io;
use std::panic::resume_unwind;
use std::time::Instant;

use cli::signals::Repeats;
use cli::{Exit, Failure};
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::drain::{Phase, Stopper};
use crate::serve::Summary;

/// The signals that a server hears.
///
/// | signal | sent by | asks it |
/// |---|---|---|
/// | SIGINT | Ctrl-C | to stop |
/// | SIGTERM | containers and service managers | to stop |
/// | SIGHUP | a terminal that is closed | to stop, unless it was ignored from the start: nohup(1), or means something else: [`Signals::without_hang_up`] |
/// | SIGUSR1 | whoever wants to know | how it is doing |
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
    question: Signal,
}

enum Asked {
    /// To stop; with the exit code of a program that the signal ended.
    Stop(Exit),
    Stats,
}

impl Signals {
    /// Hears of them from here on.
    pub fn new() -> io::Result<Self> {
        let mut signals = Self::without_hang_up()?;
        // To listen for it is to ignore it no more.
        if !is_ignored(SignalKind::hangup()) {
            signals.hang_up = Some(signal(SignalKind::hangup())?);
        }
        Ok(signals)
    }

    /// The same without SIGHUP, which is for somebody else.
    pub fn without_hang_up() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: None,
            question: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for one.
    async fn next(&mut self) -> Asked {
        let Self { interrupt, terminate, hang_up, question } = self;
        let hang_up = async {
            match hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => future::pending().await,
            }
        };
        select! {
            _ = interrupt.recv() => Asked::Stop(Exit::Interrupted),
            _ = terminate.recv() => Asked::Stop(Exit::Terminated),
            _ = hang_up => Asked::Stop(Exit::Terminated),
            _ = question.recv() => Asked::Stats,
        }
    }
}

/// Whether the program was started with this signal ignored. Only Linux tells without unsafe code; elsewhere
/// a server under nohup(1) stops when its terminal is closed.
fn is_ignored(signal: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal.as_raw_value() - 1) & 1 == 1)
}

/// Runs `server`, asks it to stop at each signal that says so and does not only repeat the one before, and
/// calls `tell_stats` at SIGUSR1. The failure beside its summary is an end by a second signal.
///
/// The server is a task of its own: a runtime of several threads polls what it blocks on in a thread of its
/// own too, which would have to be woken for each connection that comes, and again for each that ends.
pub async fn until_stopped(
    server: impl Future<Output = Summary> + Send + 'static,
    mut signals: Signals,
    stopper: Stopper,
    tell_stats: impl Fn(),
) -> (Summary, Option<Failure>) {
    let (mut ended_by, mut repeats) = (None, Repeats::default());
    let pass_on = async {
        loop {
            match signals.next().await {
                Asked::Stats => tell_stats(),
                Asked::Stop(exit) if !repeats.is_new(exit.code().into(), Instant::now()) => {}
                Asked::Stop(exit) => {
                    if stopper.stop() == Phase::Ended {
                        ended_by.get_or_insert(exit);
                    }
                }
            }
        }
    };
    let summary = select! {
        summary = tokio::spawn(server) => {
            summary.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => unreachable!("nobody aborts the server"),
            })
        }
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
