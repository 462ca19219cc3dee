//! Claims c and m: what TCP does about data that gets lost.

use super::{Part, claim};
use crate::findings::Claim;

/// What was seen of a peer that says nothing, for claim c.
#[derive(Clone, Debug, Default)]
pub struct Resends {
    /// Seconds from each try to the next; none where nothing could be seen.
    pub waits: Vec<f64>,
    /// Seconds until the sender gave up.
    pub gives_up_after: Option<f64>,
}

/// Claim c: TCP resends every 5 to 10 seconds and gives up after 30 minutes.
pub fn resends_and_gives_up(seen: &Resends) -> Claim {
    let every = |wait: &f64| (5.0..=10.0).contains(wait);
    let waits = (!seen.waits.is_empty()).then(|| seen.waits.iter().all(every));
    // A claim that names half an hour means no second in particular.
    let half_an_hour = 25.0 * 60.0..=35.0 * 60.0;
    let end = seen.gives_up_after.map(|seconds| half_an_hour.contains(&seconds));
    claim(
        "c",
        "TCP resends every 5 to 10 seconds and gives up after 30 minutes",
        &[
            Part { check: "silent-doubling", holds: waits },
            Part { check: "silent-end", holds: end },
        ],
        "it resends after about 0.2 s, and each wait is twice the one before, up to 120 s. It gives up after \
         some 15 and a half minutes by default, or when the program says so. A single loss is repaired within \
         a round trip.",
    )
}

/// What was seen of data that is under way, for claim m.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept {
    /// Whether it was kept until the acknowledgement came, and no longer.
    pub until_acknowledged: Option<bool>,
    /// Whether it was kept as long as none came.
    pub in_silence: Option<bool>,
    /// Whether it arrived though its program was gone.
    pub outlives: Option<bool>,
}

/// Claim m: data that was sent is held in memory until it is acknowledged.
pub fn held_until_acknowledged(seen: Kept) -> Claim {
    claim(
        "m",
        "data that was sent is held in memory until it is acknowledged",
        &[
            Part { check: "kept-until-ack", holds: seen.until_acknowledged },
            Part { check: "silent-kept", holds: seen.in_silence },
            Part { check: "outlives-arrives", holds: seen.outlives },
        ],
        "so it is, and the memory is the kernel's: Send-Q of ss falls when the acknowledgement comes. The \
         program need not keep anything, and may even be gone.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_c_is_confirmed_where_tcp_is_as_it_says() {
        let judge = |waits: &[f64], gives_up_after| {
            resends_and_gives_up(&Resends { waits: waits.to_vec(), gives_up_after }).verdict
        };
        assert_eq!(judge(&[5.0, 7.5, 10.0], Some(1800.0)), Verdict::Confirmed);
        assert_eq!(judge(&[5.0, 7.5, 10.0], Some(939.1)), Verdict::Partly);
        assert_eq!(judge(&[0.2, 0.4, 6.0], Some(1800.0)), Verdict::Partly);
        assert_eq!(judge(&[0.2, 0.2, 0.4, 0.8], Some(939.1)), Verdict::Refuted);
        assert_eq!(judge(&[], None), Verdict::Skipped);
    }

    #[test]
    fn claim_m_is_refuted_where_data_is_forgotten_before_it_is_acknowledged() {
        let judge = |until_acknowledged, in_silence, outlives| {
            held_until_acknowledged(Kept { until_acknowledged, in_silence, outlives }).verdict
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(judge(yes, yes, yes), Verdict::Confirmed);
        assert_eq!(judge(yes, yes, no), Verdict::Partly);
        assert_eq!(judge(no, no, no), Verdict::Refuted);
        assert_eq!(judge(None, None, None), Verdict::Skipped);
    }
}
