//! A link that carries so many bits a second, and the queue before it.

use std::time::Duration;

use crate::clock::Moment;

/// One direction of a link. It needs no list of what waits: packets leave in the order in which they
/// came, so the moment when the link will be free says how much waits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkRate {
    free_at: Moment,
    /// When the last packet came.
    came: Moment,
}

impl LinkRate {
    /// When a packet of `len` bytes that comes at `now` has left the link; `None` where it does not fit
    /// into the queue.
    ///
    /// A link that is idle takes any packet, also one that is longer than the queue. Packets keep the
    /// order in which they were sent: one that an uneven path before the link brought sooner than its
    /// predecessor comes right behind that.
    pub(super) fn pass(
        &mut self,
        now: Moment,
        len: usize,
        bits_per_second: u64,
        queue: usize,
    ) -> Option<Moment> {
        let now = now.max(self.came);
        self.came = now;
        let waiting = bytes_in(self.free_at.since(now), bits_per_second);
        if waiting > 0 && waiting + len as u128 > queue as u128 {
            return None;
        }
        self.free_at = self.free_at.max(now).after(time_of(len, bits_per_second));
        Some(self.free_at)
    }
}

/// How long the link is busy with so many bytes, rounded up.
fn time_of(len: usize, bits_per_second: u64) -> Duration {
    let nanos = (len as u128 * 8 * 1_000_000_000).div_ceil(bits_per_second.into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How many bytes the link carries in a time, a begun one counting whole.
fn bytes_in(time: Duration, bits_per_second: u64) -> u128 {
    (time.as_nanos() * u128::from(bits_per_second)).div_ceil(8 * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_follow_each_other_at_the_rate_and_the_queue_is_bounded() {
        // 1,000 bytes take 1 ms.
        let mut link = LinkRate::default();
        let mut pass = |micros: u64, len| {
            let left = link.pass(Moment(micros * 1000), len, 8_000_000, 2500);
            left.map(|left| left.0 / 1000)
        };
        assert_eq!(pass(0, 1000), Some(1000));
        assert_eq!(pass(0, 1000), Some(2000));
        // 2,000 bytes wait, counting what is on the link: 500 more fit, 501 do not.
        assert_eq!(pass(0, 501), None);
        assert_eq!(pass(0, 500), Some(2500));
        // A millisecond later there is room again.
        assert_eq!(pass(1000, 1000), Some(3500));
        // An idle link takes what no queue would.
        assert_eq!(pass(9000, 5000), Some(14_000));
    }

    proptest! {
        /// However packets come, they leave in order, not faster than the rate, and none waits longer than
        /// the queue is long.
        #[test]
        fn no_more_than_the_rate_leaves(
            packets in prop::collection::vec((0_u64..2_000_000, 60_usize..1514), 1..200),
            bits_per_second in 1_000_u64..10_000_000_000,
            queue in 0_usize..100_000,
        ) {
            let mut link = LinkRate::default();
            let (mut now, mut last) = (Moment(0), Moment(0));
            for (gap, len) in packets {
                now = now.after(Duration::from_nanos(gap));
                let busy = last > now;
                let Some(left) = link.pass(now, len, bits_per_second, queue) else {
                    prop_assert!(busy, "an idle link refused");
                    continue;
                };
                let takes = time_of(len, bits_per_second);
                prop_assert_eq!(left, last.max(now).after(takes));
                if busy {
                    prop_assert!(bytes_in(left.since(now), bits_per_second) <= queue as u128 + 1);
                }
                last = left;
            }
        }
    }
}
