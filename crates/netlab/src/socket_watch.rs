//! Whatever one wants to know of a host's sockets, over time.

use std::fmt;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::host::Host;
use crate::sockets::{self, TcpSocket};

/// How often the sockets are read. What comes and goes within this time may be missed.
pub const EVERY: Duration = Duration::from_millis(1);

/// What a watch saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched<T> {
    /// Every change, the first value included.
    pub changes: Vec<(Moment, T)>,
    /// The longest time in which it did not look: a busy machine may not let it. What lasted no longer
    /// may be missing.
    pub blind: Duration,
}

/// Reads the sockets of a host until it is asked to finish, and keeps what changes.
pub struct SocketWatch<T> {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<io::Result<Watched<T>>>,
}

impl<T: PartialEq + Send + 'static> SocketWatch<T> {
    /// Begins to watch a host: `look` makes of its sockets what one wants to know. It has looked once when
    /// this returns.
    pub fn start(
        host: &Host,
        clock: Clock,
        look: impl Fn(&[TcpSocket]) -> T + Send + 'static,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        // A thread is in the namespace of the thread that starts it.
        let families = host.families();
        let begun = clock.now();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let watch = move || watch(clock, begun, families, (&ready, &stopped), look);
        let thread = host.run(move || thread::spawn(watch));
        // Where it cannot begin, the end says why.
        let _ = is_ready.recv();
        Self { stop, thread }
    }

    /// Ends the watch and gives back what it saw.
    pub fn finish(self) -> io::Result<Watched<T>> {
        drop(self.stop);
        self.thread.join().expect("what looks at sockets does not panic")
    }
}

impl<T> fmt::Debug for SocketWatch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketWatch").finish_non_exhaustive()
    }
}

fn watch<T: PartialEq>(
    clock: Clock,
    begun: Moment,
    families: &[u8],
    (ready, stopped): (&mpsc::SyncSender<()>, &mpsc::Receiver<()>),
    look: impl Fn(&[TcpSocket]) -> T,
) -> io::Result<Watched<T>> {
    let mut watched = Watched { changes: Vec::new(), blind: Duration::ZERO };
    let mut looked = begun;
    let mut goes_on = true;
    loop {
        let value = look(&sockets::tcp(families)?);
        let now = clock.now();
        watched.blind = watched.blind.max(now.since(looked));
        looked = now;
        if watched.changes.last().is_none_or(|(_, last)| *last != value) {
            watched.changes.push((now, value));
        }
        // It is full after the first look, and nobody asks any more.
        let _ = ready.try_send(());
        if !goes_on {
            return Ok(watched);
        }
        // Asked to finish, it looks once more: what the asker has seen by then is among the changes.
        goes_on = matches!(stopped.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout));
    }
}
