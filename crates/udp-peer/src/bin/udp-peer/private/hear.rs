//! What comes in, shown by a thread: a reader that does not read holds up nobody who types, and does not
//! let a connection die.

use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;

use arq::{End, PublicKey, Stats};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::report::Report;

/// How many lines wait at most to be shown: 16. Beyond that nothing is read from the connection, and its
/// peer waits.
const WAITING: usize = 16;

/// A line of somebody.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) from: SocketAddr,
    pub(crate) key: PublicKey,
    pub(crate) line: Bytes,
}

/// What is shown, in its order.
#[derive(Debug)]
pub(crate) enum Heard {
    Said(Said),
    /// Somebody's connection is over.
    Over(Over),
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) from: SocketAddr,
    pub(crate) end: End,
    pub(crate) stats: Option<Stats>,
}

/// Shows what was heard in the order of the queue.
#[derive(Debug)]
pub(crate) struct Show {
    queue: mpsc::Sender<Heard>,
    thread: JoinHandle<()>,
}

impl Show {
    pub(crate) fn start(report: &Arc<Report>) -> Self {
        let (queue, mut heard) = mpsc::channel(WAITING);
        let report = Arc::clone(report);
        let thread = spawn_blocking(move || {
            while let Some(heard) = heard.blocking_recv() {
                match heard {
                    Heard::Said(Said { from, key, line }) => report.message(from, &key, &line),
                    Heard::Over(Over { from, end, stats }) => {
                        if let Some(stats) = stats {
                            report.stats(from, &stats);
                        }
                        report.disconnected(from, &end);
                    }
                }
            }
        });
        Self { queue, thread }
    }

    pub(crate) fn queue(&self) -> mpsc::Sender<Heard> {
        self.queue.clone()
    }

    /// Waits until all is shown.
    pub(crate) async fn finish(self) {
        drop(self.queue);
        if let Err(panic) = self.thread.await {
            resume_unwind(panic.into_panic());
        }
    }
}
