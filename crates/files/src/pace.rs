//! How quickly a transfer goes, and how long it still takes.

use std::collections::VecDeque;
use std::time::Duration;

/// Over how long a time the rate is taken: 5 s. A shorter one jumps with each pause of a disk, a longer
/// one tells of a link as it was.
const SPAN: Duration = Duration::from_secs(5);

/// How many steps that time has; there are at most two marks in each.
const MARKS: usize = 25;

/// Tells rate and time left of a transfer, from marks of how far it had come when.
///
/// ```
/// use std::time::Duration;
/// use files::Pace;
///
/// let mut pace = Pace::default();
/// pace.mark(Duration::ZERO, 0);
/// pace.mark(Duration::from_secs(2), 1000);
/// assert_eq!(pace.rate(), Some(500.0));
/// assert_eq!(pace.left(4000), Some(Duration::from_secs(8)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pace {
    marks: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// At `now`, a time that only grows, `bytes` have gone over.
    pub fn mark(&mut self, now: Duration, bytes: u64) {
        let step = SPAN / u32::try_from(MARKS).unwrap_or(u32::MAX);
        if self.marks.len() > 1
            && let Some(&(before, _)) = self.marks.iter().rev().nth(1)
            && now.saturating_sub(before) < step
        {
            // The last mark moves on, so that the number of marks does not grow with how often one looks.
            self.marks.pop_back();
        }
        self.marks.push_back((now, bytes));
        while self.marks.len() > 2
            && self.marks.front().is_some_and(|(first, _)| now.saturating_sub(*first) > SPAN)
        {
            self.marks.pop_front();
        }
    }

    /// Bytes per second in the last seconds; none where that cannot be told yet.
    pub fn rate(&self) -> Option<f64> {
        let ((first, before), (last, now)) = (self.marks.front()?, self.marks.back()?);
        let time = last.saturating_sub(*first).as_secs_f64();
        (time > 0.0).then(|| now.saturating_sub(*before) as f64 / time)
    }

    /// How long `bytes` more take at that rate; none where nothing moves.
    pub fn left(&self, bytes: u64) -> Option<Duration> {
        let seconds = bytes as f64 / self.rate()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut pace = Pace::default();
        for tenth in 0..=600 {
            let rate = if tenth <= 300 { 100 } else { 1000 };
            let bytes = if tenth <= 300 { tenth * rate } else { 30_000 + (tenth - 300) * rate };
            pace.mark(Duration::from_millis(tenth * 100), bytes);
        }
        let rate = pace.rate().unwrap();
        assert!((rate - 10_000.0).abs() < 1.0, "{rate}");
        assert!(pace.marks.len() <= 2 * MARKS + 2, "{}", pace.marks.len());
    }

    #[test]
    fn what_was_more_than_five_seconds_ago_is_forgotten() {
        for step in [100, 1000] {
            let mut pace = Pace::default();
            for millis in (0..=36_000).step_by(step) {
                // A byte each millisecond, and then none.
                pace.mark(Duration::from_millis(millis), millis.min(30_000));
            }
            assert_eq!(pace.rate(), Some(0.0), "a mark each {step} ms");
        }
    }

    #[test]
    fn what_does_not_move_has_no_time_left() {
        let mut pace = Pace::default();
        assert_eq!(pace.rate(), None);
        pace.mark(Duration::ZERO, 7);
        assert_eq!(pace.rate(), None);
        pace.mark(Duration::from_secs(1), 7);
        assert_eq!((pace.rate(), pace.left(100)), (Some(0.0), None));
        assert_eq!(Pace::default().left(1), None);
    }

    #[test]
    fn however_often_one_looks_there_are_few_marks() {
        let mut pace = Pace::default();
        for micros in 0..100_000_u64 {
            pace.mark(Duration::from_micros(micros * 100), micros);
        }
        assert!(pace.marks.len() <= 2 * MARKS + 2, "{}", pace.marks.len());
        let rate = pace.rate().unwrap();
        assert!((rate - 10_000.0).abs() < 10.0, "{rate}");
    }
}
