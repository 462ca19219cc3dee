//! When the kernel gives up, by its own arithmetic (`net/ipv4/tcp_timer.c`).

use std::io::ErrorKind;
use std::time::Duration;

use netlab::Host;

use crate::stage::Trouble;

/// The shortest timer that the arithmetic begins with, whatever `tcp_rto_min_us` says (`TCP_RTO_MIN`).
const RTO_MIN: Duration = Duration::from_millis(200);

/// No timer runs for a shorter time than the kernel's clock can tell, at its finest (`CONFIG_HZ=1000`).
const TICK: Duration = Duration::from_millis(1);

/// The longest timer of kernels that have no knob for it (`TCP_RTO_MAX`).
const RTO_MAX: Duration = Duration::from_secs(120);

/// The knobs that decide when a sender gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// `tcp_retries2`.
    pub(super) retries: u32,
    /// `tcp_rto_max_ms`.
    pub(super) rto_max: Duration,
}

impl Patience {
    /// What kernels come with.
    pub(super) const DEFAULT: Self = Self { retries: 15, rto_max: RTO_MAX };

    /// What a host's kernel has.
    pub(super) fn of(host: &Host) -> Result<Self, Trouble> {
        let failed = || Trouble::io("read the knobs of retransmission");
        let retries = host.sysctl("net.ipv4.tcp_retries2").map_err(failed())?;
        let rto_max = match host.sysctl("net.ipv4.tcp_rto_max_ms") {
            Ok(millis) => millis.parse().map_or(RTO_MAX, Duration::from_millis),
            Err(error) if error.kind() == ErrorKind::NotFound => RTO_MAX,
            Err(error) => return Err(failed()(error)),
        };
        Ok(Self { retries: retries.parse().unwrap_or(15), rto_max })
    }

    /// How long it goes on after the first retransmission: the time that so many doublings would take
    /// (`tcp_model_timeout`).
    pub(super) fn limit(self) -> Duration {
        let steps = self.rto_max.as_millis() / RTO_MIN.as_millis();
        let doublings = steps.checked_ilog2().unwrap_or(0);
        if self.retries <= doublings {
            RTO_MIN * (2_u32.saturating_pow(self.retries + 1) - 1)
        } else {
            RTO_MIN * (2_u32.saturating_pow(doublings + 1) - 1)
                + self.rto_max * (self.retries - doublings)
        }
    }

    /// When the timer expires in a silence that never ends, the last time being the end.
    ///
    /// `first` is when it expires first; `rto` is how long it ran until then.
    pub(super) fn expiries(self, first: Duration, rto: Duration) -> Vec<Duration> {
        let mut expiries = vec![first];
        let (mut now, mut rto) = (first, rto);
        while now < first + self.limit() {
            rto = (rto * 2).clamp(TICK, self.rto_max.max(TICK));
            now += rto;
            expiries.push(now);
        }
        expiries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(retries: u32, rto_max_ms: u64) -> f64 {
        let rto_max = Duration::from_millis(rto_max_ms);
        Patience { retries, rto_max }.limit().as_secs_f64()
    }

    /// The default is the figure that the kernel's documentation gives; the others were waited for.
    #[test]
    fn the_limit_is_the_kernels() {
        for (retries, rto_max_ms, expected) in [
            (15, 120_000, 924.6),
            (8, 120_000, 102.2),
            (5, 120_000, 12.6),
            (8, 1000, 7.4),
            (0, 1000, 0.2),
            (15, 1000, 14.4),
        ] {
            let limit = limit(retries, rto_max_ms);
            assert!((limit - expected).abs() < 1e-9, "{retries} {rto_max_ms}: {limit}");
        }
    }

    /// What was measured may be nonsense, and the arithmetic comes to its end all the same.
    #[test]
    fn a_timer_of_no_time_at_all_expires_in_the_end() {
        let patience = Patience { retries: 2, rto_max: Duration::ZERO };
        let expiries = patience.expiries(Duration::ZERO, Duration::ZERO);
        assert!(expiries.last() >= Some(&patience.limit()), "{expiries:?}");
    }

    #[test]
    fn the_end_is_the_first_expiry_after_the_limit() {
        let patience = Patience::DEFAULT;
        let (first, rto) = (Duration::from_millis(420), Duration::from_millis(210));
        let expiries = patience.expiries(first, rto);
        // Fifteen are followed by a resend, as was waited for: 939 s with the kernel's rounding up.
        assert_eq!(expiries.len(), 16);
        assert_eq!(expiries[1], Duration::from_millis(840));
        assert!((925.0..940.0).contains(&expiries[15].as_secs_f64()), "{expiries:?}");

        // The limit of 1.4 s counts from the first expiry (`retransmits_timed_out`): 1.68 s are within it.
        let two = Patience { retries: 2, ..patience };
        let millis: Vec<u128> = two.expiries(first, rto).iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [420, 840, 1680, 3360]);
    }
}
