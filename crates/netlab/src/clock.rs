//! One clock for everything that a run records.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// The time since the lab began, on the monotonic clock.
///
/// The kernel stamps captured frames with the wall clock. The offset between the two clocks is taken
/// once, so that a step of the wall clock during a run cannot reorder what was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_wall: Duration,
}

/// A moment of a run: nanoseconds since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        let start = Instant::now();
        let start_wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start, start_wall }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        Moment::from_duration(self.start.elapsed())
    }

    /// The moment of a time stamp of the wall clock, given as time since 1970.
    pub fn of_wall(&self, since_1970: Duration) -> Moment {
        Moment::from_duration(since_1970.saturating_sub(self.start_wall))
    }

    /// The time since 1970 of a moment.
    pub fn to_wall(&self, moment: Moment) -> Duration {
        self.start_wall + moment.to_duration()
    }
}

impl Moment {
    fn from_duration(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).expect("a run does not last 584 years"))
    }

    /// The time since the run began.
    pub const fn to_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Milliseconds since the run began.
    pub fn as_millis(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The moment that much later.
    pub fn after(self, delay: Duration) -> Self {
        Self::from_duration(self.to_duration() + delay)
    }

    /// The time from `earlier` until this moment; zero where it was not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
