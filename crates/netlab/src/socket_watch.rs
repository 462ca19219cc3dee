//! Whatever one wants to know of a host's sockets, over time.

use std::io;
use std::time::Duration;

use crate::clock::{Clock, Moment};
use crate::host::Host;
use crate::sampling::Sampling;
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
#[derive(Debug)]
pub struct SocketWatch<T>(Sampling<Looking<T>>);

/// What was seen so far, and when it was looked last.
struct Looking<T> {
    watched: Watched<T>,
    looked: Moment,
}

impl<T: PartialEq + Send + 'static> SocketWatch<T> {
    /// Begins to watch a host: `look` makes of its sockets what one wants to know. It has looked once when
    /// this returns.
    pub fn start(
        host: &Host,
        clock: Clock,
        look: impl Fn(&[TcpSocket]) -> T + Send + 'static,
    ) -> Self {
        let families = host.families();
        let looked = clock.now();
        let watched = Watched { changes: Vec::new(), blind: Duration::ZERO };
        let look = move |Looking { watched, looked }: &mut Looking<T>| {
            let value = look(&sockets::tcp(families)?);
            let now = clock.now();
            watched.blind = watched.blind.max(now.since(*looked));
            *looked = now;
            if watched.changes.last().is_none_or(|(_, last)| *last != value) {
                watched.changes.push((now, value));
            }
            Ok(())
        };
        Self(Sampling::start(host, EVERY, move || Ok(Looking { watched, looked }), look))
    }

    /// Ends the watch and gives back what it saw.
    pub fn finish(self) -> io::Result<Watched<T>> {
        Ok(self.0.finish()?.watched)
    }
}
