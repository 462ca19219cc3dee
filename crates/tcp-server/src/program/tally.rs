//! What a running server has done so far.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use proto::Ending;
use serde::Serialize;

use crate::accept::AcceptFault;
use crate::serve::Closed;
use crate::stream::Counts;

/// Counts connections and bytes, for who asks how a server is doing.
///
/// Each connection counts its own bytes, and comes here when it is made and when it has ended: what goes
/// through it costs nothing here. Who asks adds up those that are open.
#[derive(Debug)]
pub struct Tally {
    since: Instant,
    served: AtomicU64,
    refused: AtomicU64,
    accept_errors: [AtomicU64; 2],
    endings: [AtomicU64; Ending::NAMES.len()],
    bytes: Mutex<Bytes>,
}

/// Behind one lock, so that no byte is counted twice, or not at all, in the moment in which its connection
/// ends.
#[derive(Debug, Default)]
struct Bytes {
    received: u64,
    sent: u64,
    open: HashMap<u64, Arc<Counts>>,
}

/// How a server is doing: the fields of the event `stats`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// How many connections there are.
    pub open: u64,
    /// How many it has accepted, with those.
    pub served: u64,
    /// How many it has refused because their address had as many as it may have.
    pub refused: u64,
    /// How often the system had no connection to give, though a client had come.
    pub accept_errors: u64,
    /// How many bytes were read from peers.
    pub received: u64,
    /// How many bytes were written to them.
    pub sent: u64,
    /// For how long it has run, in seconds.
    pub seconds: f64,
}

impl Default for Tally {
    /// A server that begins now.
    fn default() -> Self {
        Self {
            since: Instant::now(),
            served: AtomicU64::default(),
            refused: AtomicU64::default(),
            accept_errors: Default::default(),
            endings: Default::default(),
            bytes: Mutex::default(),
        }
    }
}

impl Tally {
    /// A connection is made, with these counts.
    pub fn counting(&self, id: u64, counts: &Arc<Counts>) {
        self.with_bytes(|bytes| bytes.open.insert(id, Arc::clone(counts)));
    }

    /// A connection was accepted.
    pub fn opened(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is about to be refused.
    pub fn refusing(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Accepting a connection failed.
    pub fn accept_failed(&self, fault: AcceptFault) {
        self.accept_errors[index(fault)].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has ended.
    pub fn closed(&self, closed: &Closed) {
        self.with_bytes(|bytes| {
            bytes.open.remove(&closed.id);
            bytes.received += closed.received;
            bytes.sent += closed.sent;
        });
        let name = closed.ending.name();
        if let Some(at) = Ending::NAMES.iter().position(|&known| known == name) {
            self.endings[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many connections ended in each way, by the name of the ending.
    pub fn endings(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.endings.iter().map(|count| count.load(Ordering::Relaxed));
        Ending::NAMES.into_iter().zip(counts)
    }

    /// How often accepting failed for that reason.
    pub fn accept_errors(&self, fault: AcceptFault) -> u64 {
        self.accept_errors[index(fault)].load(Ordering::Relaxed)
    }

    /// The counts of now.
    pub fn stats(&self) -> Stats {
        let (open, received, sent) = self.with_bytes(|bytes| {
            let open = bytes.open.values();
            let all = (bytes.open.len() as u64, bytes.received, bytes.sent);
            open.fold(all, |(open, received, sent), counts| {
                (open, received + counts.received(), sent + counts.sent())
            })
        });
        Stats {
            open,
            served: self.served.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            accept_errors: self
                .accept_errors
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .sum(),
            received,
            sent,
            seconds: (self.since.elapsed().as_secs_f64() * 1e6).round() / 1e6,
        }
    }

    fn with_bytes<T>(&self, look: impl FnOnce(&mut Bytes) -> T) -> T {
        look(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn index(fault: AcceptFault) -> usize {
    match fault {
        AcceptFault::Connection => 0,
        AcceptFault::System => 1,
    }
}

impl Stats {
    /// The line for a person.
    pub fn in_words(&self) -> String {
        let Self { open, served, refused, accept_errors, received, sent, seconds } = self;
        let trouble = |name: &str, count: u64| match count {
            0 => String::new(),
            count => format!(" {name}={count}"),
        };
        let refused = trouble("refused", *refused);
        let accept_errors = trouble("accept_errors", *accept_errors);
        format!(
            "open={open} served={served} recv={received} sent={sent}{refused}{accept_errors} \
             up={seconds:.0}s"
        )
    }
}
