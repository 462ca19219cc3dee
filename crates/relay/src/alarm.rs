//! One timer for all that a connection waits for.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is set anew only when it has fired too early, or is to fire earlier.
///
/// To reset a timer takes the lock of tokio's timer wheel. A busy connection moves its deadlines with
/// every read, and none of them is ever reached.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready when `at` has passed; without a deadline it takes no memory, when it has fired.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, at: Option<Instant>) -> Poll<()> {
        if at.is_none() && self.sleep.is_none() {
            return Poll::Pending;
        }
        let sleep = match at {
            Some(at) => {
                let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
                if at < sleep.deadline() {
                    sleep.as_mut().reset(at);
                }
                sleep
            }
            None => self.sleep.as_mut().expect("it was looked at above"),
        };
        loop {
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match at {
                Some(at) if at <= sleep.deadline() => return Poll::Ready(()),
                // It was set for an earlier wait, which is over.
                Some(at) => sleep.as_mut().reset(at),
                None => {
                    self.sleep = None;
                    return Poll::Pending;
                }
            }
        }
    }
}

/// `wait` after `start`. A wait beyond the clock's reach is one of 30 years, which nobody will see end.
pub(crate) fn after(start: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    start.checked_add(wait).unwrap_or_else(|| start + FAR)
}
