//! Claims c and m: what TCP does about data that gets lost.

use super::{Part, claim};
use crate::findings::Claim;

/// What was seen of a peer that says nothing, for claim c.
#[derive(Clone, Debug, Default)]
pub struct Resends {
    /// Seconds from each try to the next; none where nothing could be seen.
    pub waits: Vec<f64>,
    /// Seconds until the sender gave up, or would.
    pub gives_up_after: Option<f64>,
}

impl Resends {
    /// The tries in words: when the first one comes, and whether each wait is twice the one before.
    fn in_words(&self) -> String {
        let Some(first) = self.waits.first() else { return String::new() };
        // The first wait ends with a probe, which doubles nothing.
        let timer = self.waits.get(1..).unwrap_or_default();
        let longest = timer.iter().copied().fold(0.0, f64::max);
        let doubles = |two: &[f64]| (1.7..=2.3).contains(&(two[1] / two[0]));
        let is_longest = |two: &[f64]| two[1] > 0.95 * longest && two[1] < 2.3 * two[0];
        let mut waits = timer.windows(2);
        if !waits.next().is_some_and(doubles) || !waits.all(|two| doubles(two) || is_longest(two)) {
            let waits: Vec<String> = self.waits.iter().map(|wait| format!("{wait:.1}")).collect();
            return format!("it resends after waits of {} s.", waits.join(", "));
        }
        let grows_on = timer.windows(2).last().is_some_and(doubles);
        let up_to = if grows_on { String::new() } else { format!(", up to {longest:.0} s") };
        format!(
            "it resends after {first:.1} s, and each wait for the timer is twice the one before{up_to}."
        )
    }

    /// The end in words, by seconds where it is soon.
    fn end_in_words(&self) -> String {
        match self.gives_up_after {
            Some(seconds) if seconds < 120.0 => format!("It gives up after {seconds:.0} s."),
            Some(seconds) => format!("It gives up after {:.1} minutes.", seconds / 60.0),
            None => String::new(),
        }
    }
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
            Part::new("silent-doubling", waits).telling(&seen.in_words(), &seen.in_words()),
            Part::new("silent-end", end).telling(&seen.end_in_words(), &seen.end_in_words()),
        ],
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
            Part::new("kept-until-ack", seen.until_acknowledged).telling(
                "the memory is the kernel's: Send-Q of ss falls when the acknowledgement comes.",
                "it was not held just until the acknowledgement came.",
            ),
            Part::new("silent-kept", seen.in_silence).telling(
                "As long as none comes, it is held.",
                "It was not held as long as none came.",
            ),
            Part::new("outlives-arrives", seen.outlives).telling(
                "The program need not keep anything, and may even be gone.",
                "When its program was gone, it did not arrive.",
            ),
        ],
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
    fn claim_c_says_what_was_seen_of_the_waits_and_of_the_end() {
        let told = |waits: &[f64], gives_up_after| {
            resends_and_gives_up(&Resends { waits: waits.to_vec(), gives_up_after }).instead
        };
        let usual = "it resends after 0.2 s, and each wait for the timer is twice the one before. It gives \
                     up after 15.7 minutes.";
        assert_eq!(told(&[0.21, 0.22, 0.46, 0.86], Some(941.1)), usual);
        let waited_for = told(&[0.21, 0.22, 0.46, 0.92, 1.1, 1.1], Some(941.1));
        assert!(waited_for.contains("twice the one before, up to 1 s. It"), "{waited_for}");
        let right = "it resends after waits of 5.0, 7.5, 7.5 s. It gives up after 30.0 minutes.";
        assert_eq!(told(&[5.0, 7.5, 7.5], Some(1800.0)), right);
        assert_eq!(told(&[], Some(13.4)), "It gives up after 13 s.");
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
