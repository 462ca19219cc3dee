//! Whether a peer says anything at all, and enough of it.

use std::sync::Arc;

use proto::Ending;
use tokio::time::Instant;

use crate::limits::{Limits, RATE_WINDOW};
use crate::patience::after;
use crate::stream::Counts;

/// The two limits on how much comes. They look at the counts of the stream, and only where a read has to
/// wait: a read that brings something costs nothing more.
#[derive(Debug)]
pub(crate) struct Pace {
    counts: Arc<Counts>,
    /// When the first byte must have come.
    first_byte: Option<Instant>,
    /// How many bytes a second.
    least_rate: Option<u64>,
    /// Whether the peer owes bytes all the time, not only from the beginning of a message to its end.
    owes_always: bool,
    window: Option<Window>,
}

/// A time in which so many bytes must go through.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    /// How many had gone through when it began.
    bytes: u64,
}

impl Pace {
    /// What `limits` ask from now on of the stream with these counts; nothing where they ask for nothing.
    pub(crate) fn new(limits: &Limits, counts: &Arc<Counts>) -> Option<Box<Self>> {
        let Limits { first_byte, least_rate, .. } = *limits;
        if first_byte.is_none() && least_rate.is_none() {
            return None;
        }
        Some(Box::new(Self {
            counts: Arc::clone(counts),
            first_byte: first_byte.map(|limit| after(Instant::now(), limit)),
            least_rate,
            owes_always: false,
            window: None,
        }))
    }

    /// There are no messages: the peer owes bytes all the time.
    pub(crate) fn owe_always(&mut self) {
        self.owes_always = true;
    }

    /// A message has begun, which has a time of its own.
    pub(crate) fn begin(&mut self) {
        self.window = None;
    }

    /// What must have happened by when, in a wait of a peer that is in the middle of a message where it `owes`.
    ///
    /// A time that has passed is one at which it had not.
    pub(crate) fn limit(&mut self, owes: bool) -> Option<(Instant, Ending)> {
        if self.counts.received() > 0 {
            self.first_byte = None;
        }
        let first_byte = self.first_byte.map(|at| (at, Ending::NoFirstByte));
        let rate = self.least_rate(owes).map(|at| (at, Ending::BelowRate));
        first_byte.into_iter().chain(rate).min_by_key(|(at, _)| *at)
    }

    fn least_rate(&mut self, owes: bool) -> Option<Instant> {
        let rate = self.least_rate?;
        if !owes && !self.owes_always {
            return None;
        }
        let (now, all) = (Instant::now(), self.counts.received() + self.counts.sent());
        let window = self.window.get_or_insert(Window { since: now, bytes: all });
        // A wait may begin long after the window: what went through counts for all of that time.
        let lasted = (now - window.since).max(RATE_WINDOW);
        let wanted = u128::from(rate) * lasted.as_millis() / 1000;
        if u128::from(all - window.bytes) >= wanted {
            *window = Window { since: now, bytes: all };
        }
        Some(after(window.since, RATE_WINDOW))
    }
}
