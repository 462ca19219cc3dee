//! Ctrl-C and SIGTERM.

use std::io;

use cli::Exit;
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask the server to stop. Containers and service managers send SIGTERM.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one, and gives the exit code of a program that it ended.
    pub(crate) async fn next(&mut self) -> Exit {
        select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}
