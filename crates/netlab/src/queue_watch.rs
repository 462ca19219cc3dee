//! The accept queue of a listener, over time.

use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::clock::{Clock, Moment};
use crate::host::Host;
use crate::sampling::Sampling;
use crate::sockets::tcp_listeners;

/// How often the queue is read. What comes and goes within this time may be missed.
pub const EVERY: Duration = Duration::from_millis(2);

/// The queue at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QueueSample {
    /// When it was read.
    pub at: Moment,
    /// Connections that wait to be accepted: `Recv-Q` of `ss -l`.
    pub length: u32,
    /// The backlog that the kernel keeps: `Send-Q` of `ss -l`.
    pub backlog: u32,
}

/// Reads a listener's queue until it is asked to finish.
#[derive(Debug)]
pub struct QueueWatch(Sampling<Vec<QueueSample>>);

impl QueueWatch {
    /// Begins to watch the listener on `port` of `host`; it has looked once when this returns.
    pub fn start(host: &Host, clock: Clock, port: u16) -> Self {
        let families = host.families();
        let look = move |changes: &mut Vec<QueueSample>| {
            let listeners = tcp_listeners(families)?;
            if let Some(listener) = listeners.iter().find(|socket| socket.local.port() == port) {
                let (length, backlog) = (listener.receive_queue, listener.send_queue);
                let queue = |sample: &QueueSample| (sample.length, sample.backlog);
                if changes.last().map(queue) != Some((length, backlog)) {
                    changes.push(QueueSample { at: clock.now(), length, backlog });
                }
            }
            Ok(())
        };
        Self(Sampling::start(host, EVERY, || Ok(Vec::new()), look))
    }

    /// Ends the watch and gives back every change that it saw, the first sample included.
    pub fn finish(self) -> io::Result<Vec<QueueSample>> {
        self.0.finish()
    }
}
