//! `NewReno`: RFC 9002 §7.3 and appendix B, with the undoing of a mistake (RFC 9438 §4.9.2).

use crate::congestion::{Controller, INITIAL_WINDOW, MIN_WINDOW};
use crate::limits::DATAGRAM;
use crate::time::Time;

/// One datagram more for each round trip, half the window after a loss.
///
/// ```text
/// slow start --loss--> recovery --packet sent in it arrives--> congestion avoidance
///     ^                                                              |
///     +------ persistent congestion (window of two datagrams) -------+
/// ```
#[derive(Clone, Debug)]
pub struct NewReno {
    window: usize,
    /// Below it the window doubles with each round trip.
    threshold: usize,
    /// Bytes that arrived towards the next datagram of the window.
    acked: usize,
    recovery: Option<Recovery>,
}

/// The last answer to a loss, and what it would take to undo it.
#[derive(Clone, Debug)]
struct Recovery {
    since: Time,
    /// When the one before began: what was sent until then was lost to that one.
    earlier: Option<Time>,
    window_before: usize,
    threshold_before: usize,
    /// Packets of it that are taken for lost.
    lost: u32,
}

impl NewReno {
    /// One that knows nothing of its path.
    pub fn new() -> Self {
        Self { window: INITIAL_WINDOW, threshold: usize::MAX, acked: 0, recovery: None }
    }
}

impl Default for NewReno {
    fn default() -> Self {
        Self::new()
    }
}

impl Controller for NewReno {
    fn on_acked(&mut self, sent: Time, size: usize, limited: bool) {
        if !limited || self.in_recovery(sent) {
            return;
        }
        if self.in_slow_start() {
            self.window += size;
            return;
        }
        self.acked += size;
        if self.acked >= self.window {
            self.acked -= self.window;
            self.window += DATAGRAM;
        }
    }

    fn on_lost(&mut self, now: Time, sent: Time) -> bool {
        if self.in_recovery(sent) {
            if let Some(recovery) = &mut self.recovery {
                recovery.lost += 1;
            }
            return false;
        }
        self.recovery = Some(Recovery {
            since: now,
            earlier: self.recovery.as_ref().map(|recovery| recovery.since),
            window_before: self.window,
            threshold_before: self.threshold,
            lost: 1,
        });
        self.threshold = (self.window / 2).max(MIN_WINDOW);
        self.window = self.threshold;
        self.acked = 0;
        true
    }

    fn on_spurious(&mut self, sent: Time) {
        let Some(recovery) = &mut self.recovery else { return };
        if recovery.earlier.is_some_and(|earlier| sent <= earlier) {
            return;
        }
        recovery.lost = recovery.lost.saturating_sub(1);
        if recovery.lost == 0 {
            // None of it was lost: there was no congestion.
            self.window = self.window.max(recovery.window_before);
            self.threshold = recovery.threshold_before;
            self.recovery = None;
        }
    }

    fn on_persistent_congestion(&mut self) {
        self.window = MIN_WINDOW;
        self.recovery = None;
    }

    fn in_recovery(&self, sent: Time) -> bool {
        self.recovery.as_ref().is_some_and(|recovery| sent <= recovery.since)
    }

    fn window(&self) -> usize {
        self.window
    }

    fn in_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    fn renew(&self) -> Box<dyn Controller> {
        Box::new(Self::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn it_doubles_then_halves_then_grows_by_a_datagram_each_round_trip() {
        let mut reno = NewReno::new();
        reno.on_acked(at(1), INITIAL_WINDOW, true);
        assert_eq!(reno.window(), 2 * INITIAL_WINDOW);
        assert!(reno.on_lost(at(10), at(5)));
        assert_eq!((reno.window(), reno.in_slow_start()), (INITIAL_WINDOW, false));
        // All losses of what was sent before count once.
        assert!(!reno.on_lost(at(11), at(10)));
        assert_eq!(reno.window(), INITIAL_WINDOW);
        // What arrives of before the recovery says nothing new.
        reno.on_acked(at(9), INITIAL_WINDOW, true);
        assert_eq!(reno.window(), INITIAL_WINDOW);
        for _ in 0..10 {
            reno.on_acked(at(12), DATAGRAM, true);
        }
        assert_eq!(reno.window(), INITIAL_WINDOW + DATAGRAM);
        assert!(reno.on_lost(at(20), at(12)));
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut reno = NewReno::new();
        reno.on_acked(at(1), INITIAL_WINDOW, false);
        assert_eq!(reno.window(), INITIAL_WINDOW);
    }

    #[test]
    fn it_never_falls_below_two_datagrams_and_starts_again_from_there() {
        let mut reno = NewReno::new();
        for step in 0..20 {
            reno.on_lost(at(2 * step + 1), at(2 * step + 1));
        }
        assert_eq!(reno.window(), MIN_WINDOW);
        let mut reno = NewReno::new();
        reno.on_lost(at(1), at(1));
        reno.on_persistent_congestion();
        assert_eq!(reno.window(), MIN_WINDOW);
        assert!(reno.in_slow_start());
    }

    #[test]
    fn a_recovery_whose_losses_were_all_late_is_undone() {
        let mut reno = NewReno::new();
        reno.on_lost(at(10), at(5));
        reno.on_lost(at(10), at(6));
        reno.on_spurious(at(5));
        assert_eq!(reno.window(), INITIAL_WINDOW / 2);
        reno.on_spurious(at(6));
        assert_eq!(reno.window(), INITIAL_WINDOW);
        assert!(reno.in_slow_start());
        // What was sent before it counts again.
        reno.on_acked(at(9), DATAGRAM, true);
        assert_eq!(reno.window(), INITIAL_WINDOW + DATAGRAM);
    }

    #[test]
    fn a_late_packet_of_an_earlier_recovery_undoes_no_other_one() {
        let mut reno = NewReno::new();
        reno.on_lost(at(10), at(10));
        reno.on_lost(at(20), at(15));
        reno.on_spurious(at(10));
        assert_eq!(reno.window(), INITIAL_WINDOW / 4);
        reno.on_spurious(at(15));
        assert_eq!(reno.window(), INITIAL_WINDOW / 2);
    }

    /// It may have grown meanwhile, where the least window is more than half of what it was.
    #[test]
    fn undoing_takes_nothing_away() {
        let mut reno = NewReno::new();
        reno.on_persistent_congestion();
        reno.on_lost(at(10), at(5));
        reno.on_acked(at(11), MIN_WINDOW, true);
        assert_eq!(reno.window(), MIN_WINDOW + DATAGRAM);
        reno.on_spurious(at(5));
        assert_eq!(reno.window(), MIN_WINDOW + DATAGRAM);
    }

    /// RFC 9002 B.8: the recovery is over with it.
    #[test]
    fn after_persistent_congestion_nothing_is_undone_and_everything_counts() {
        let mut reno = NewReno::new();
        reno.on_lost(at(10), at(5));
        reno.on_persistent_congestion();
        reno.on_spurious(at(5));
        assert_eq!(reno.window(), MIN_WINDOW);
        reno.on_acked(at(9), DATAGRAM, true);
        assert_eq!(reno.window(), MIN_WINDOW + DATAGRAM);
    }

    #[test]
    fn what_arrives_counts_to_the_byte_until_the_next_loss() {
        let mut reno = NewReno::new();
        reno.on_lost(at(10), at(5));
        let window = reno.window();
        // A byte less than two windows: what the first datagram more left over counts for the second.
        reno.on_acked(at(11), window - 1, true);
        reno.on_acked(at(11), window, true);
        assert_eq!(reno.window(), window + DATAGRAM);
        reno.on_acked(at(11), DATAGRAM, true);
        assert_eq!(reno.window(), window + DATAGRAM);
        reno.on_acked(at(11), 1, true);
        assert_eq!(reno.window(), window + 2 * DATAGRAM);
        // A loss begins anew.
        reno.on_acked(at(11), window, true);
        reno.on_lost(at(20), at(11));
        let window = reno.window();
        reno.on_acked(at(21), window - 1, true);
        assert_eq!(reno.window(), window);
    }
}
