//! How long an answer takes: RFC 9002 §5; and when to ask again: §6.2.1.

use std::time::Duration;

use crate::limits::{ACK_DELAY, LONGEST_WAIT};

/// What is assumed before there is a sample (RFC 9002 §6.2.2).
const INITIAL: Duration = Duration::from_millis(333);

/// Below this no timer is thought to be exact (RFC 9002 §6.1.2).
pub(crate) const GRANULARITY: Duration = Duration::from_millis(1);

/// The round trips of one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rtt {
    min: Duration,
    smoothed: Duration,
    variation: Duration,
    has_sample: bool,
}

impl Rtt {
    pub(crate) fn new() -> Self {
        Self { min: Duration::ZERO, smoothed: INITIAL, variation: INITIAL / 2, has_sample: false }
    }

    /// A packet was acknowledged after `latest`, of which the peer says that it waited `ack_delay`.
    pub(crate) fn on_sample(&mut self, latest: Duration, ack_delay: Duration) {
        if !self.has_sample {
            self.has_sample = true;
            self.min = latest;
            self.smoothed = latest;
            self.variation = latest / 2;
            return;
        }
        // §5.2: the minimum knows no delay, so that a wrong one cannot make it too small.
        self.min = self.min.min(latest);
        let ack_delay = ack_delay.min(ACK_DELAY);
        // §5.3: what is left without the delay is never less than the minimum.
        let without = latest.saturating_sub(ack_delay);
        let adjusted = if without >= self.min { without } else { latest };
        self.variation = (3 * self.variation + self.smoothed.abs_diff(adjusted)) / 4;
        self.smoothed = (7 * self.smoothed + adjusted) / 8;
    }

    pub(crate) fn min(&self) -> Duration {
        self.min
    }

    pub(crate) fn smoothed(&self) -> Duration {
        self.smoothed
    }

    pub(crate) fn has_sample(&self) -> bool {
        self.has_sample
    }

    /// The probe timeout, before it is doubled: when nothing was heard for so long, it is time to ask.
    pub(crate) fn probe_timeout(&self) -> Duration {
        self.smoothed + (4 * self.variation).max(GRANULARITY) + ACK_DELAY
    }

    /// The probe timeout after `count` that were in vain: doubled each time (§6.2.1), up to
    /// [`LONGEST_WAIT`], unless a round trip alone takes longer.
    pub(crate) fn backed_off(&self, count: u32) -> Duration {
        let once = self.probe_timeout();
        let doubled = once.saturating_mul(1 << count.min(16));
        doubled.min(LONGEST_WAIT.max(once))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// RFC 6298 §2.2 and §2.3, from which RFC 9002 §5.3 is taken.
    #[test]
    fn the_estimate_follows_the_rfc() {
        let mut rtt = Rtt::new();
        assert_eq!(rtt.probe_timeout(), ms(999) + ACK_DELAY);
        rtt.on_sample(ms(100), ms(20));
        // The first sample is taken as it is: srtt = R, rttvar = R / 2.
        assert_eq!((rtt.smoothed(), rtt.min(), rtt.variation), (ms(100), ms(100), ms(50)));
        assert_eq!(rtt.probe_timeout(), ms(300) + ACK_DELAY);
        rtt.on_sample(ms(180), ms(0));
        // rttvar = 3/4 * 50 + 1/4 * |100 - 180|, srtt = 7/8 * 100 + 1/8 * 180
        assert_eq!((rtt.smoothed(), rtt.variation), (ms(110), Duration::from_micros(57_500)));
        assert_eq!(rtt.min(), ms(100));
    }

    #[test]
    fn the_peer_s_delay_counts_only_as_far_as_it_can_be_true() {
        let sample = |latest, delay| {
            let mut rtt = Rtt::new();
            rtt.on_sample(ms(100), ms(0));
            rtt.on_sample(latest, delay);
            rtt.smoothed()
        };
        assert_eq!(sample(ms(140), ms(16)), ms(103));
        // More than it may hold an acknowledgement back.
        assert_eq!(sample(ms(141), ms(5000)), ms(102));
        // It would make the round trip shorter than the shortest.
        assert_eq!(sample(ms(108), ms(20)), ms(101));
    }

    #[test]
    fn waits_double_up_to_longest_wait() {
        let mut rtt = Rtt::new();
        rtt.on_sample(ms(100), ms(0));
        assert_eq!(rtt.backed_off(1), 2 * rtt.probe_timeout());
        assert_eq!(rtt.backed_off(40), LONGEST_WAIT);
        rtt.on_sample(ms(60_000), ms(0));
        assert_eq!(rtt.backed_off(40), rtt.probe_timeout());
    }
}
