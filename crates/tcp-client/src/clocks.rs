//! When a conversation has taken too long.

use std::time::Duration;

use proto::Ending;
use tokio::time::Instant;

/// The time limits of one conversation. It is asked with the time; it owns no clock.
#[derive(Clone, Debug)]
pub struct Clocks {
    idle: Option<Duration>,
    deadline: Option<Instant>,
    after_eof: Option<Duration>,
    last_bytes: Instant,
    input_ended: Option<Instant>,
}

impl Clocks {
    /// A conversation that begins now: it may be silent for `idle`, last until `deadline`, and go on for
    /// `after_eof` once the input has ended.
    pub fn start(
        now: Instant,
        idle: Option<Duration>,
        deadline: Option<Instant>,
        after_eof: Option<Duration>,
    ) -> Self {
        Self { idle, deadline, after_eof, last_bytes: now, input_ended: None }
    }

    /// Bytes went one way or the other.
    pub fn on_bytes(&mut self, now: Instant) {
        self.last_bytes = now;
    }

    /// The input has ended.
    pub fn on_input_end(&mut self, now: Instant) {
        self.input_ended.get_or_insert(now);
    }

    /// The limit that has run out by `now`; the earliest of them if there are several.
    pub fn expired(&self, now: Instant) -> Option<Ending> {
        self.next().filter(|(at, _)| *at <= now).map(|(_, ending)| ending)
    }

    /// When to ask next, if nothing happens until then.
    pub fn wake_at(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    fn next(&self) -> Option<(Instant, Ending)> {
        let idle = self.idle.and_then(|idle| self.last_bytes.checked_add(idle));
        let over = self.input_ended.zip(self.after_eof);
        let over = over.and_then(|(ended, after)| ended.checked_add(after));
        [(over, Ending::Done), (self.deadline, Ending::Deadline), (idle, Ending::Idle)]
            .into_iter()
            .filter_map(|(at, ending)| Some((at?, ending)))
            .min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn without_limits_nothing_runs_out() {
        let now = Instant::now();
        let clocks = Clocks::start(now, None, None, None);
        assert_eq!(clocks.wake_at(), None);
        assert_eq!(clocks.expired(now + 1000 * SECOND), None);
    }

    #[test]
    fn each_byte_starts_the_idle_time_anew() {
        let now = Instant::now();
        let mut clocks = Clocks::start(now, Some(2 * SECOND), None, None);
        clocks.on_bytes(now + SECOND);
        assert_eq!(clocks.wake_at(), Some(now + 3 * SECOND));
        assert_eq!(clocks.expired(now + 2 * SECOND), None);
        assert_eq!(clocks.expired(now + 3 * SECOND), Some(Ending::Idle));
    }

    #[test]
    fn bytes_do_not_move_the_deadline() {
        let now = Instant::now();
        let mut clocks = Clocks::start(now, Some(2 * SECOND), Some(now + 3 * SECOND), None);
        clocks.on_bytes(now + 2 * SECOND);
        assert_eq!(clocks.expired(now + 3 * SECOND), Some(Ending::Deadline));
    }

    #[test]
    fn the_time_after_the_input_counts_from_its_first_end() {
        let now = Instant::now();
        let mut clocks = Clocks::start(now, None, None, Some(SECOND));
        assert_eq!(clocks.wake_at(), None);
        clocks.on_input_end(now + SECOND);
        clocks.on_input_end(now + 2 * SECOND);
        assert_eq!(clocks.expired(now + 2 * SECOND), Some(Ending::Done));
    }

    #[test]
    fn the_earliest_limit_names_the_ending() {
        let now = Instant::now();
        let clocks = Clocks::start(now, Some(SECOND), Some(now + 2 * SECOND), None);
        assert_eq!(clocks.expired(now + 5 * SECOND), Some(Ending::Idle));
    }

    #[test]
    fn a_limit_beyond_all_time_is_none() {
        let clocks = Clocks::start(Instant::now(), Some(Duration::MAX), None, None);
        assert_eq!(clocks.wake_at(), None);
    }
}
