//! What a running server has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::serve::Closed;

/// Counts connections and bytes, for who asks how a server is doing.
#[derive(Debug, Default)]
pub struct Tally {
    served: AtomicU64,
    ended: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// How a server is doing: the fields of the event `stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// How many connections there are.
    pub open: u64,
    /// How many it has accepted, with those.
    pub served: u64,
    /// How many bytes were read from the peers whose connections have ended.
    pub received: u64,
    /// How many bytes were written to them.
    pub sent: u64,
}

impl Tally {
    /// A connection was accepted.
    pub fn opened(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has ended.
    pub fn closed(&self, closed: &Closed) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.received.fetch_add(closed.received, Ordering::Relaxed);
        self.sent.fetch_add(closed.sent, Ordering::Relaxed);
    }

    /// The counts of now.
    pub fn stats(&self) -> Stats {
        let (served, ended) =
            (self.served.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
        Stats {
            // One that came and went between the two loads has only ended.
            open: served.saturating_sub(ended),
            served,
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}

impl Stats {
    /// The line for a person.
    pub fn in_words(&self) -> String {
        let Self { open, served, received, sent } = self;
        format!("open={open} served={served}  recv={received} sent={sent} by those that have ended")
    }
}
