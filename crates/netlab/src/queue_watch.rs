//! The accept queue of a listener, over time.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;

use crate::clock::{Clock, Moment};
use crate::host::Host;
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
pub struct QueueWatch {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<io::Result<Vec<QueueSample>>>,
}

impl QueueWatch {
    /// Begins to watch the listener on `port` of `host`.
    pub fn start(host: &Host, clock: Clock, port: u16) -> Self {
        let (stop, stopped) = mpsc::channel();
        // A thread is in the namespace of the thread that starts it.
        let families = host.families();
        let watch = move || watch(clock, families, port, &stopped);
        let thread = host.run(move || thread::spawn(watch));
        Self { stop, thread }
    }

    /// Ends the watch and gives back every change that it saw, the first sample included.
    pub fn finish(self) -> io::Result<Vec<QueueSample>> {
        drop(self.stop);
        self.thread.join().expect("the watch does not panic")
    }
}

fn watch(
    clock: Clock,
    families: &[u8],
    port: u16,
    stopped: &mpsc::Receiver<()>,
) -> io::Result<Vec<QueueSample>> {
    let mut changes: Vec<QueueSample> = Vec::new();
    loop {
        let listeners = tcp_listeners(families)?;
        let listener = listeners.into_iter().find(|socket| socket.local.port() == port);
        if let Some(listener) = listener {
            let (length, backlog) = (listener.receive_queue, listener.send_queue);
            let sample = QueueSample { at: clock.now(), length, backlog };
            if changes.last().is_none_or(|last| (last.length, last.backlog) != (length, backlog)) {
                changes.push(sample);
            }
        }
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(changes),
        }
    }
}
