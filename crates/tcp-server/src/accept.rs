//! What happens between two connections: permit, accept, and what to do when accept fails.

use std::future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN, Limits};
use crate::listeners::Listeners;
use crate::per_address::{Addresses, Place, Refusals};
use crate::serve::Observer;
use crate::stream::{Peer, Stream};

pub use crate::per_address::Refused;

/// Whose fault an error of accept(2) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFault {
    /// That of the one connection that was to be accepted. The next one may be taken at once.
    Connection,
    /// This machine's: no descriptors, no memory, or something worse. It is there again for the next
    /// connection, so going on at once would only burn a processor.
    System,
}

impl AcceptFault {
    /// Judges an error.
    ///
    /// Linux hands errors of the new connection to accept(2); the manual page lists them under "Error
    /// handling". `EPERM` is a firewall's word. What is not known to be of one connection is taken to
    /// be of the system, because the price of that mistake is a pause and not a busy loop.
    pub fn of(error: &io::Error) -> Self {
        #[cfg(target_os = "linux")]
        const OF_LINUX: [i32; 1] = [libc::ENONET];
        #[cfg(not(target_os = "linux"))]
        const OF_LINUX: [i32; 0] = [];
        const OF_CONNECTION: [i32; 12] = [
            libc::ECONNABORTED,
            libc::ECONNRESET,
            libc::EHOSTDOWN,
            libc::EHOSTUNREACH,
            libc::EINTR,
            libc::ENETDOWN,
            libc::ENETUNREACH,
            libc::ENOPROTOOPT,
            libc::EOPNOTSUPP,
            libc::EPERM,
            libc::EPROTO,
            libc::ETIMEDOUT,
        ];
        match error.raw_os_error() {
            Some(errno) if OF_CONNECTION.contains(&errno) || OF_LINUX.contains(&errno) => {
                Self::Connection
            }
            _ => Self::System,
        }
    }
}

/// How long to wait after each failure of the system, and when to speak of it.
///
/// One spell of failures is one story with a beginning and an end. A descriptor that comes free lets
/// one connection in and the next one fails again: that is still the same spell, which is over when a
/// connection is accepted after [`ACCEPT_PAUSE_MAX`] without a failure.
#[derive(Debug, Default)]
pub struct Backoff {
    pause: Option<Duration>,
    spell: Option<Spell>,
}

/// Failures that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    /// When the first of them happened.
    pub since: Instant,
    /// When the last of them happened.
    pub last: Instant,
    /// How many there were.
    pub failures: u64,
}

impl Backoff {
    /// A failure: how long to wait now. [`Backoff::spell`] tells whether it is the first of its spell.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let spell = self.spell.get_or_insert(Spell { since: now, last: now, failures: 0 });
        spell.last = now;
        spell.failures += 1;
        let pause = self.pause.map_or(ACCEPT_PAUSE_MIN, |pause| (pause * 2).min(ACCEPT_PAUSE_MAX));
        self.pause = Some(pause);
        pause
    }

    /// A success: gives the spell that is over with it.
    pub fn succeeded(&mut self, now: Instant) -> Option<Spell> {
        self.pause = None;
        let spell = self.spell?;
        if now < spell.last + ACCEPT_PAUSE_MAX {
            return None;
        }
        self.spell.take()
    }

    /// The spell that goes on.
    pub fn spell(&self) -> Option<Spell> {
        self.spell
    }
}

/// Takes connections off the listeners, one permit each.
#[derive(Debug)]
pub(crate) struct Acceptor {
    /// Closed with the last connection that is to be accepted: the next client is refused then, before
    /// that connection is served, instead of waiting for nothing.
    listeners: Option<Listeners>,
    permits: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    addresses: Addresses,
    refusals: Refusals,
    left: Option<u64>,
    requests: Option<mpsc::Receiver<()>>,
    requested: bool,
    backoff: Backoff,
    pause_until: Option<Instant>,
}

/// A connection and its permits, which are to be dropped after it.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) permit: OwnedSemaphorePermit,
    pub(crate) place: Option<Box<Place>>,
}

impl Acceptor {
    pub(crate) fn new(
        listeners: Listeners,
        limits: &Limits,
        at_most: Option<u64>,
        requests: Option<mpsc::Receiver<()>>,
    ) -> Self {
        let permits = limits.connections.clamp(1, Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(permits));
        Self {
            listeners: Some(listeners).filter(|_| at_most != Some(0)),
            permits,
            permit: None,
            addresses: Addresses::new(limits.per_address),
            refusals: Refusals::default(),
            left: at_most,
            requests,
            requested: false,
            backoff: Backoff::default(),
            pause_until: None,
        }
    }

    /// The next connection; `None` when there will be none.
    ///
    /// What each step has reached is kept, so the future may be dropped at any time, as a `select!`
    /// does, and nothing is lost.
    pub(crate) async fn next(&mut self, observer: &impl Observer) -> Option<Accepted> {
        self.listeners.as_ref()?;
        // The permit comes first: a client that cannot be served yet waits in the kernel's queue,
        // where it costs no descriptor, and is turned away by the kernel's rules when that is full.
        if self.permit.is_none() {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            self.permit = Some(permit.expect("nobody closes the semaphore"));
        }
        if let (Some(requests), false) = (&mut self.requests, self.requested) {
            match requests.recv().await {
                Some(()) => self.requested = true,
                // Nobody can ask for another connection; those that there are go on.
                None => future::pending().await,
            }
        }
        loop {
            if let Some(until) = self.pause_until {
                sleep_until(until).await;
                self.pause_until = None;
            }
            let accepted = select! {
                biased;
                accepted = self.listeners.as_mut()?.accept() => accepted,
                () = reached(self.refusals.due()) => {
                    self.tell_refusals(observer);
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.note_success();
                    let place = match self.addresses.take(&peer) {
                        Ok(place) => place,
                        Err(limit) => {
                            observer.refusing();
                            // A reset tells it at once, and leaves nothing in TIME_WAIT here.
                            stream.reset_on_close();
                            drop(stream);
                            if let Some(told) = self.refusals.refused(Instant::now(), peer, limit) {
                                observer.refused(&told);
                            }
                            continue;
                        }
                    };
                    self.requested = false;
                    self.left = self.left.map(|left| left - 1);
                    if self.left == Some(0) {
                        self.listeners = None;
                    }
                    let permit = self.permit.take().expect("it was acquired above");
                    return Some(Accepted { stream, peer, permit, place });
                }
                Err(error) => {
                    observer.accept_failed(AcceptFault::of(&error));
                    self.note_failure(&error);
                }
            }
        }
    }

    /// Tells of what was refused and has not been told.
    pub(crate) fn tell_refusals(&mut self, observer: &impl Observer) {
        if let Some(told) = self.refusals.tell(Instant::now()) {
            observer.refused(&told);
        }
    }

    fn note_success(&mut self) {
        // The clock is not worth a look where nothing has failed.
        if self.backoff.spell().is_none() {
            return;
        }
        if let Some(spell) = self.backoff.succeeded(Instant::now()) {
            let lasted = spell.last - spell.since;
            // As loud as its beginning: who was told of that waits for this.
            tracing::warn!(failures = spell.failures, ?lasted, "accepting connections again");
        }
    }

    fn note_failure(&mut self, error: &io::Error) {
        if AcceptFault::of(error) == AcceptFault::Connection {
            tracing::debug!(%error, "a connection was gone before it was accepted");
            return;
        }
        let now = Instant::now();
        if self.backoff.spell().is_none() {
            tracing::warn!(
                %error,
                "cannot accept connections; they wait in the backlog while this is tried again, \
                 every {ACCEPT_PAUSE_MIN:?} to {ACCEPT_PAUSE_MAX:?}"
            );
        }
        self.pause_until = Some(now + self.backoff.failed(now));
    }
}

/// Ready at `at`; never where there is none.
async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_one_connection_are_told_from_those_of_the_system() {
        for errno in [
            libc::ECONNABORTED,
            libc::EPROTO,
            libc::EPERM,
            libc::ECONNRESET,
            libc::EHOSTUNREACH,
            libc::ENETDOWN,
            libc::ENOPROTOOPT,
            libc::EINTR,
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(AcceptFault::of(&error), AcceptFault::Connection, "{error}");
        }
        for errno in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENOMEM,
            // A broken listener must not spin either.
            libc::EBADF,
            libc::EINVAL,
            libc::ENOTSOCK,
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(AcceptFault::of(&error), AcceptFault::System, "{error}");
        }
        assert_eq!(AcceptFault::of(&io::Error::other("no number")), AcceptFault::System);
    }

    #[test]
    fn the_pause_doubles_up_to_a_second_and_starts_anew_after_a_success() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..9).map(|_| backoff.failed(now).as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        backoff.succeeded(now);
        assert_eq!(backoff.failed(now).as_millis(), 10);
    }

    #[test]
    fn a_spell_begins_once_and_is_over_after_a_second_without_a_failure() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut backoff = Backoff::default();
        assert_eq!(backoff.succeeded(at(0)), None);
        backoff.failed(at(0));
        assert_eq!(backoff.succeeded(at(500)), None);
        backoff.failed(at(600));
        assert_eq!(backoff.succeeded(at(1599)), None);
        let spell = Spell { since: at(0), last: at(600), failures: 2 };
        assert_eq!(backoff.spell(), Some(spell));
        assert_eq!(backoff.succeeded(at(1600)), Some(spell));
        assert_eq!(backoff.spell(), None);
    }
}
