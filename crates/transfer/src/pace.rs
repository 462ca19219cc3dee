//! Whether enough goes over while the peer is waited for.

use std::time::Duration;

use proto::Ending;
use tokio::time::Instant;

/// How much must go over at least, so that nobody keeps a connection with a few bytes now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastRate {
    /// How many bytes a second, both ways together. What the peer says that it has hashed counts too, as far
    /// as there is as much to hash.
    pub bytes: u64,
    /// Over what time it is looked at. Only the time in which the peer is waited for counts; one in which
    /// nothing at all goes over is for the limit on silence.
    pub over: Duration,
}

/// What went over, and how long the peer was waited for, since it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    went: u64,
    waited: Duration,
    /// Since when it is waited for now.
    since: Option<Instant>,
}

impl Pace {
    /// So many bytes went over.
    pub(crate) fn went(&mut self, bytes: u64) {
        self.went = self.went.saturating_add(bytes);
    }

    /// The wait is over. It costs a look at the clock only where there was one.
    pub(crate) fn rest(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// When it is to be looked at next, in a wait. The error is that too little went over.
    pub(crate) fn due(&mut self, now: Instant, least: LeastRate) -> Result<Duration, Ending> {
        let since = *self.since.get_or_insert(now);
        let waited = self.waited + (now - since);
        if let Some(left) = least.over.checked_sub(waited).filter(|left| !left.is_zero()) {
            return Ok(left);
        }
        let wanted = u128::from(least.bytes) * waited.as_millis() / 1000;
        if self.went > 0 && u128::from(self.went) < wanted {
            return Err(Ending::BelowRate);
        }
        *self = Self { since: Some(now), ..Self::default() };
        Ok(least.over)
    }
}
