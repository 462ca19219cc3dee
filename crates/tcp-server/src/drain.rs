//! How a server is asked to stop, and how everything that it runs hears of it.
//!
//! ```text
//! Running --stop()--> Draining --stop()--> Ended
//! ```
//!
//! The first request lets what is in flight finish, the second one ends it.

use std::fmt;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// How far the server's end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nobody has asked it to stop.
    Running,
    /// It takes no new connections; those it has may finish.
    Draining,
    /// It ends now.
    Ended,
}

/// A pair: the one who asks, and what the server looks at.
pub fn stop_pair() -> (Stopper, Stop) {
    let shared = Arc::new(Shared { phase: AtomicU8::new(0), changed: Arc::new(Notify::new()) });
    (Stopper { shared: Arc::clone(&shared) }, Stop { shared })
}

/// Asks a server to stop. When it is dropped without having asked, the server runs on.
/// Clones ask the same server.
#[derive(Clone, Debug)]
pub struct Stopper {
    shared: Arc<Shared>,
}

/// Says whether the server was asked to stop. Clones hear the same.
#[derive(Clone, Debug)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    phase: AtomicU8,
    changed: Arc<Notify>,
}

impl Stopper {
    /// Asks once more: the first time to drain, the second time to end now. Gives the phase reached.
    pub fn stop(&self) -> Phase {
        let next = |phase: u8| (phase < 2).then_some(phase + 1);
        let _ = self.shared.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        self.shared.changed.notify_waiters();
        self.shared.phase()
    }
}

impl Stop {
    /// How far the end has come.
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// Waits until the server was asked to stop.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until the server was asked to end now.
    pub async fn ended(&self) {
        self.reached(Phase::Ended).await;
    }

    async fn reached(&self, phase: Phase) {
        let mut watch = StopWatch::new(self);
        future::poll_fn(|cx| if watch.poll(cx) >= phase { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }
}

impl Shared {
    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Ended,
        }
    }
}

/// What a connection looks at whenever it waits.
///
/// It stays registered from one wait to the next. A new registration for each wait would take the one
/// lock that all connections share twice per request.
pub(crate) struct StopWatch {
    shared: Arc<Shared>,
    changed: Pin<Box<OwnedNotified>>,
    registered: Option<Waker>,
}

impl StopWatch {
    pub(crate) fn new(stop: &Stop) -> Self {
        let shared = Arc::clone(&stop.shared);
        // It hears every change from here on, also before it is first polled.
        let changed = Box::pin(Arc::clone(&shared.changed).notified_owned());
        Self { shared, changed, registered: None }
    }

    /// Whether nobody has asked the server to stop, and the task is woken when somebody does.
    ///
    /// While the phase is `Running` no registration has fired, so it need not be renewed. It takes no lock.
    #[inline]
    pub(crate) fn is_asleep(&self, cx: &Context<'_>) -> bool {
        self.registered.as_ref().is_some_and(|w| w.will_wake(cx.waker()))
            && self.shared.phase() == Phase::Running
    }

    /// The phase now; the task is woken when it changes.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Phase {
        loop {
            let phase = self.shared.phase();
            if phase == Phase::Ended || self.is_asleep(cx) {
                return phase;
            }
            if self.changed.as_mut().poll(cx).is_pending() {
                self.registered = Some(cx.waker().clone());
                return phase;
            }
            self.changed.set(Arc::clone(&self.shared.changed).notified_owned());
            self.registered = None;
        }
    }
}

impl fmt::Debug for StopWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopWatch").field("phase", &self.shared.phase()).finish_non_exhaustive()
    }
}
