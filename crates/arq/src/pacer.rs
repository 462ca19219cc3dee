//! When the next packet may go: RFC 9002 §7.7.
//!
//! A bucket of bytes that fills at a little more than a window for each round trip, so that a window is
//! spread over the round trip and the queues on the way stay short.

use std::time::Duration;

use crate::limits::DATAGRAM;
use crate::time::Time;

/// How much may go at once: the window at the start, as §7.7 allows.
const BURST: usize = 10 * DATAGRAM;

/// Below it a pause is not worth a timer: what it would have held back goes at once.
const SHORTEST: Duration = Duration::from_millis(1);

/// What spreads packets over time.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// Bytes that may go now.
    tokens: usize,
    at: Time,
}

/// How fast a path is thought to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) window: usize,
    pub(crate) round_trip: Duration,
    pub(crate) in_slow_start: bool,
}

impl Pace {
    /// Bytes in so many nanoseconds.
    fn bytes(self, nanos: u128) -> usize {
        let bytes = nanos.saturating_mul(self.in_a_round_trip()) / self.round_trip();
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// How long so many bytes take.
    fn time(self, bytes: usize) -> Duration {
        let nanos = (bytes as u128).saturating_mul(self.round_trip());
        let nanos = nanos.div_ceil(self.in_a_round_trip().max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Bytes that go in a round trip.
    fn in_a_round_trip(self) -> u128 {
        // Five quarters, so that pacing is never what holds a sender back; twice in slow start.
        let quarters = if self.in_slow_start { 8 } else { 5 };
        self.window as u128 * quarters / 4
    }

    fn round_trip(self) -> u128 {
        self.round_trip.as_nanos().max(1)
    }
}

impl Pacer {
    pub(crate) fn new(now: Time) -> Self {
        Self { tokens: BURST, at: now }
    }

    /// Until when a datagram has to wait; not at all if it may go.
    pub(crate) fn wait(&mut self, now: Time, pace: Pace) -> Option<Time> {
        let new = pace.bytes(now.since(self.at).as_nanos());
        self.tokens = self.tokens.saturating_add(new).min(BURST);
        // Not to `now`, or a part of a byte would be lost each time that somebody asks.
        self.at = self.at + pace.time(new);
        let missing = DATAGRAM.checked_sub(self.tokens).filter(|missing| *missing > 0)?;
        Some(now + pace.time(missing).max(SHORTEST))
    }

    /// So many bytes were sent.
    pub(crate) fn on_sent(&mut self, size: usize) {
        self.tokens = self.tokens.saturating_sub(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 datagrams in 100 ms, and a quarter more: a datagram in 800 us.
    const PACE: Pace = Pace {
        window: 100 * DATAGRAM,
        round_trip: Duration::from_millis(100),
        in_slow_start: false,
    };

    /// Sends all the time, and counts what went in `time`.
    fn sent_in(time: Duration, pace: Pace) -> usize {
        let (mut now, mut sent) = (Time::ZERO, 0);
        let mut pacer = Pacer::new(now);
        while now.since(Time::ZERO) < time {
            match pacer.wait(now, pace) {
                None => {
                    pacer.on_sent(DATAGRAM);
                    sent += 1;
                }
                Some(until) => {
                    assert!(until > now);
                    now = until;
                }
            }
        }
        sent
    }

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate_holds() {
        assert_eq!(sent_in(Duration::from_nanos(1), PACE), 10);
        let second = sent_in(Duration::from_secs(1), PACE);
        assert!((1240..=1265).contains(&second), "{second}");
        let fast = sent_in(Duration::from_secs(1), Pace { in_slow_start: true, ..PACE });
        assert!((1980..=2020).contains(&fast), "{fast}");
    }

    /// A pacer that has just sent a burst.
    fn empty() -> Pacer {
        let mut pacer = Pacer::new(Time::ZERO);
        pacer.on_sent(BURST);
        pacer
    }

    #[test]
    fn it_waits_as_long_as_a_datagram_takes_and_no_shorter_than_a_timer_is_worth() {
        for (datagrams, micros) in [(10, 8000), (50, 1600), (100, 1000), (10_000, 1000)] {
            let pace = Pace { window: datagrams * DATAGRAM, ..PACE };
            let until = Time::ZERO + Duration::from_micros(micros);
            assert_eq!(empty().wait(Time::ZERO, pace), Some(until), "{datagrams}");
        }
    }

    #[test]
    fn however_often_it_is_asked_the_rate_holds() {
        // 30 bytes in a millisecond, none in 10 us.
        let pace = Pace { window: 2 * DATAGRAM, ..PACE };
        let mut pacer = empty();
        let mut asked = (0_u32..).map(|n| Time::ZERO + Duration::from_micros(10) * n);
        let goes = asked.find(|now| pacer.wait(*now, pace).is_none()).unwrap();
        assert!(goes < Time::ZERO + Duration::from_millis(41), "{goes:?}");
    }

    #[test]
    fn extremes_neither_stop_it_nor_overflow() {
        let none = Pace { window: 0, round_trip: Duration::MAX, in_slow_start: false };
        assert_eq!(sent_in(Duration::from_secs(1), none), 10);
        let all = Pace { window: usize::MAX, round_trip: Duration::ZERO, in_slow_start: true };
        let mut pacer = Pacer::new(Time::ZERO);
        for _ in 0..10 {
            pacer.on_sent(DATAGRAM);
        }
        assert_eq!(pacer.wait(Time::from_nanos(u64::MAX), all), None);
    }
}
