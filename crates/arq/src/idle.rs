//! When a silent peer is given up, and how that is put off: RFC 9000 §10.1.

use std::time::Duration;

use crate::time::Time;

/// The clock of a connection on which nothing happens.
#[derive(Debug)]
pub(crate) struct Idle {
    timeout: Duration,
    keepalive: Option<Duration>,
    /// When something of the peer was opened last, or sent to it first after that.
    since: Time,
    /// When something of the peer was opened last.
    heard: Time,
    /// Whether something that wants an answer was sent since then.
    asked: bool,
}

impl Idle {
    /// `timeout` is the smaller one of both sides' (§10.1).
    pub(crate) fn new(now: Time, timeout: Duration, keepalive: Option<Duration>) -> Self {
        Self { timeout, keepalive, since: now, heard: now, asked: false }
    }

    pub(crate) fn on_received(&mut self, now: Time) {
        self.since = now;
        self.heard = now;
        self.asked = false;
    }

    /// Something was sent that wants an answer. Only the first one after something came in counts: a
    /// sender would never give up otherwise.
    pub(crate) fn on_asked(&mut self, now: Time) {
        if !self.asked {
            self.asked = true;
            self.since = now;
        }
    }

    /// When the peer is given up. Three probe timeouts are the least (§10.1).
    pub(crate) fn deadline(&self, probe_timeout: Duration) -> Time {
        self.since + self.timeout.max(3 * probe_timeout)
    }

    /// When to ask for a sign of life.
    pub(crate) fn keepalive(&self) -> Option<Time> {
        if self.asked {
            return None;
        }
        Some(self.heard + self.keepalive?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn only_the_first_question_puts_the_end_off() {
        let mut idle = Idle::new(at(0), 30 * SECOND, None);
        idle.on_received(at(5));
        assert_eq!(idle.deadline(SECOND), at(35));
        idle.on_asked(at(10));
        idle.on_asked(at(20));
        assert_eq!(idle.deadline(SECOND), at(40));
        idle.on_received(at(21));
        assert_eq!(idle.deadline(SECOND), at(51));
    }

    #[test]
    fn a_slow_path_is_given_three_probe_timeouts() {
        assert_eq!(Idle::new(at(0), SECOND, None).deadline(9 * SECOND), at(27));
    }

    #[test]
    fn a_sign_of_life_is_asked_for_once() {
        let mut idle = Idle::new(at(0), 30 * SECOND, Some(10 * SECOND));
        assert_eq!(idle.keepalive(), Some(at(10)));
        idle.on_asked(at(10));
        assert_eq!(idle.keepalive(), None);
        idle.on_received(at(11));
        assert_eq!(idle.keepalive(), Some(at(21)));
        assert_eq!(Idle::new(at(0), SECOND, None).keepalive(), None);
    }
}
