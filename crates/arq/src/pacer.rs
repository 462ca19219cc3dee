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
        // Five quarters, so that pacing is never what holds a sender back; twice in slow start.
        let quarters = if self.in_slow_start { 8 } else { 5 };
        let round_trip = self.round_trip.as_nanos().max(1);
        let bytes = nanos.saturating_mul(self.window as u128 * quarters / 4) / round_trip;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// How long so many bytes take.
    fn time(self, bytes: usize) -> Duration {
        let per_milli = self.bytes(1_000_000).max(1) as u128;
        let nanos = bytes as u128 * 1_000_000 / per_milli;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Pacer {
    pub(crate) fn new(now: Time) -> Self {
        Self { tokens: BURST, at: now }
    }

    /// Until when a datagram has to wait; not at all if it may go.
    pub(crate) fn wait(&mut self, now: Time, pace: Pace) -> Option<Time> {
        let new = pace.bytes(now.since(self.at).as_nanos());
        if new > 0 {
            self.tokens = self.tokens.saturating_add(new).min(BURST);
            self.at = now;
        }
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
