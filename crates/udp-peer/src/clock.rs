//! What time is it for the protocol?

use arq::Time;
use tokio::time::Instant;

/// The clock of tokio, as nanoseconds since this was made.
///
/// It is monotonic and goes on while the process is stopped; while the machine sleeps it stands still
/// (`CLOCK_MONOTONIC`, `clock_gettime(2)`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.began.elapsed()
    }

    /// When the clock of tokio shows this; `None` beyond what it can show.
    pub(crate) fn instant(&self, time: Time) -> Option<Instant> {
        self.began.checked_add(time.since(Time::ZERO))
    }
}
