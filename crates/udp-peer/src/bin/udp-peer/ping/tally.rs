//! What was asked, what was answered, and how long it took.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::milliseconds;

/// How many requests are remembered: 65536, an hour of eighteen a second. An answer to an older one is not
/// counted.
const REMEMBERED: usize = 65_536;

/// How many parts each doubling of the time has in the counts for the 99th percentile: 32, so that it is
/// true to 3 %.
const PARTS: u32 = 32;

/// Counts of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: VecDeque<Request>,
    sent: u64,
    received: u64,
    duplicates: u64,
    reordered: u64,
    highest: Option<u64>,
    times: Times,
}

#[derive(Debug)]
struct Request {
    at: Instant,
    is_answered: bool,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) time: Duration,
    pub(super) what: What,
}

/// What is to be said of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    InOrder,
    /// One to a later request was there before.
    Late,
    /// It was there before.
    Again,
}

impl What {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InOrder => "in_order",
            Self::Late => "out_of_order",
            Self::Again => "duplicate",
        }
    }
}

/// How long answers took, in bounded memory.
#[derive(Debug, Default)]
struct Times {
    count: u64,
    sum: Duration,
    min: Option<Duration>,
    max: Duration,
    /// How many lie in each part of each doubling of a microsecond.
    parts: Vec<u64>,
}

/// What there was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lost: u64,
    /// Of a hundred.
    pub(crate) loss: f64,
    pub(crate) out_of_order: u64,
    pub(crate) duplicates: u64,
    /// In milliseconds.
    pub(crate) min: Option<f64>,
    pub(crate) avg: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Tally {
    /// A request goes out; gives its number, from 1 on.
    pub(super) fn sent(&mut self, at: Instant) -> u64 {
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(Request { at, is_answered: false });
        self.sent += 1;
        self.sent
    }

    /// An answer came in; nothing for one to a request that is not remembered.
    pub(super) fn heard(&mut self, seq: u64, now: Instant) -> Option<Reply> {
        let back = usize::try_from(self.sent.checked_sub(seq)?).ok()?;
        let at = self.requests.len().checked_sub(back + 1)?;
        let request = self.requests.get_mut(at)?;
        let time = now.duration_since(request.at);
        if std::mem::replace(&mut request.is_answered, true) {
            self.duplicates += 1;
            return Some(Reply { time, what: What::Again });
        }
        self.received += 1;
        self.times.add(time);
        let is_late = self.highest.is_some_and(|highest| seq < highest);
        self.reordered += u64::from(is_late);
        self.highest = self.highest.max(Some(seq));
        Some(Reply { time, what: if is_late { What::Late } else { What::InOrder } })
    }

    pub(super) fn has_replies(&self) -> bool {
        self.received > 0
    }

    /// Whether an answer may still come.
    pub(super) fn is_waiting(&self) -> bool {
        self.received < self.sent
    }

    pub(super) fn summary(&self) -> Summary {
        let Self { sent, received, duplicates, reordered, .. } = *self;
        let lost = sent - received;
        let share = |time| self.has_replies().then(|| milliseconds(time));
        let count = u32::try_from(self.times.count).unwrap_or(u32::MAX).max(1);
        Summary {
            sent,
            received,
            lost,
            loss: if sent == 0 { 0.0 } else { (lost as f64 / sent as f64 * 1e4).round() / 1e2 },
            out_of_order: reordered,
            duplicates,
            min: share(self.times.min.unwrap_or_default()),
            avg: share(self.times.sum / count),
            p99: share(self.times.percentile(99)),
            max: share(self.times.max),
        }
    }
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.sum += time;
        self.min = Some(self.min.unwrap_or(time).min(time));
        self.max = self.max.max(time);
        let part = part(time);
        if self.parts.len() <= part {
            self.parts.resize(part + 1, 0);
        }
        self.parts[part] += 1;
    }

    /// The time that so many of a hundred are not above.
    fn percentile(&self, percent: u64) -> Duration {
        let mut left = (self.count * percent).div_ceil(100);
        for (part, &count) in self.parts.iter().enumerate() {
            left = left.saturating_sub(count);
            if left == 0 {
                return end(part).min(self.max);
            }
        }
        self.max
    }
}

/// The part in which a time lies.
fn part(time: Duration) -> usize {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let doubling = micros.ilog2();
    let rest = micros - (1 << doubling);
    // Below 32 us a part is a microsecond.
    let within = if doubling >= PARTS.ilog2() {
        rest >> (doubling - PARTS.ilog2())
    } else {
        rest << (PARTS.ilog2() - doubling)
    };
    usize::try_from(u64::from(doubling * PARTS) + within).unwrap_or(usize::MAX)
}

/// The end of a part.
fn end(part: usize) -> Duration {
    let part = u32::try_from(part).unwrap_or(u32::MAX);
    let (doubling, within) = (part / PARTS, u64::from(part % PARTS) + 1);
    let begin = 1_u64 << doubling.min(62);
    let width = u128::from(begin) * u128::from(within) / u128::from(PARTS);
    Duration::from_micros(begin.saturating_add(u64::try_from(width).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_lost_doubled_and_overtaken_is_counted() {
        let start = Instant::now();
        let mut tally = Tally::default();
        for _ in 0..5 {
            tally.sent(start);
        }
        let what = |tally: &mut Tally, seq, ms: u32| {
            tally.heard(seq, start + ms * MS).map(|reply| reply.what)
        };
        assert_eq!(what(&mut tally, 1, 10), Some(What::InOrder));
        assert_eq!(what(&mut tally, 4, 20), Some(What::InOrder));
        assert_eq!(what(&mut tally, 2, 30), Some(What::Late));
        assert_eq!(what(&mut tally, 4, 90), Some(What::Again));
        assert_eq!((what(&mut tally, 6, 1), what(&mut tally, 0, 1)), (None, None));
        let summary = tally.summary();
        assert_eq!((summary.sent, summary.received, summary.lost, summary.loss), (5, 3, 2, 40.0));
        assert_eq!((summary.out_of_order, summary.duplicates), (1, 1));
        assert_eq!((summary.min, summary.avg, summary.max), (Some(10.0), Some(20.0), Some(30.0)));
        assert_eq!(Tally::default().summary().p99, None);
    }

    #[test]
    fn the_percentile_is_true_to_three_of_a_hundred() {
        for unit in [1, 7, 1000, 33_333, 1_000_000_000_000] {
            let mut times = Times::default();
            for number in 1..=1000 {
                times.add(Duration::from_micros(number * unit));
            }
            let (true_one, told) = (990 * unit, times.percentile(99).as_micros());
            let error = told.abs_diff(u128::from(true_one)) as f64 / true_one as f64;
            assert!(error < 0.033, "{unit}: {told}");
        }
        let mut times = Times::default();
        times.add(Duration::ZERO);
        assert_eq!(times.percentile(99), Duration::ZERO);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tally = Tally::default();
        let start = Instant::now();
        for _ in 0..REMEMBERED + 10 {
            tally.sent(start);
        }
        assert_eq!(tally.requests.len(), REMEMBERED);
        assert_eq!(tally.heard(10, start), None);
        assert!(tally.heard(11, start).is_some());
    }
}
