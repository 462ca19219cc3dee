//! Numbers as ranges: which packets arrived, which bytes of a message did.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of numbers, kept as ranges that neither touch nor overlap.
///
/// Each operation costs the logarithm of the number of ranges, so a peer that leaves many holes makes
/// nothing quadratic; how many holes there may be is for the owner to limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    /// Start to end, the end not included.
    ranges: BTreeMap<u64, u64>,
    /// How many numbers there are.
    count: u64,
}

impl RangeSet {
    /// Adds the numbers, and tells how many of them were new.
    pub(crate) fn insert(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let before = self.count;
        let Range { mut start, mut end } = range;
        // The one range that begins before, if it reaches here, and all that begin within.
        if let Some((&first, &last)) = self.ranges.range(..=start).next_back()
            && last >= start
        {
            if last >= end {
                return 0;
            }
            start = first;
        }
        while let Some((&first, &last)) = self.ranges.range(start..=end).next() {
            self.ranges.remove(&first);
            self.count -= last - first;
            end = end.max(last);
        }
        self.ranges.insert(start, end);
        self.count += end - start;
        self.count - before
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, &end)| number < end)
    }

    /// Whether any number of the range is in.
    pub(crate) fn meets(&self, range: &Range<u64>) -> bool {
        let before = self.ranges.range(..range.end).next_back();
        !range.is_empty() && before.is_some_and(|(_, &end)| end > range.start)
    }

    /// The first numbers of the range that are not in.
    pub(crate) fn first_gap(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let before = self.ranges.range(..=range.start).next_back();
        let start = before.map_or(range.start, |(_, &end)| end.max(range.start));
        let next = self.ranges.range(start..).next();
        let end = next.map_or(range.end, |(&next, _)| next.min(range.end));
        (start < end).then_some(start..end)
    }

    /// How many numbers are in.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many ranges there are.
    pub(crate) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// The first number from 0 on that is not in.
    pub(crate) fn first_missing(&self) -> u64 {
        match self.ranges.first_key_value() {
            Some((0, &end)) => end,
            _ => 0,
        }
    }

    /// The ranges, highest first.
    pub(crate) fn descending(&self) -> impl Iterator<Item = Range<u64>> {
        self.ranges.iter().rev().map(|(&start, &end)| start..end)
    }

    /// Forgets the lowest range.
    pub(crate) fn pop_lowest(&mut self) {
        if let Some((start, end)) = self.ranges.pop_first() {
            self.count -= end - start;
        }
    }

    /// Forgets the numbers below `number`.
    pub(crate) fn remove_below(&mut self, number: u64) {
        while let Some((&start, &end)) = self.ranges.first_key_value() {
            if start >= number {
                return;
            }
            self.pop_lowest();
            if end > number {
                self.insert(number..end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_of_numbers(
            operations in prop::collection::vec((0_u64..200, 0_u64..20, any::<bool>()), 1..60),
        ) {
            let mut set = RangeSet::default();
            let mut model = BTreeSet::new();
            for (start, len, add) in operations {
                if add {
                    let new = (start..start + len).filter(|n| model.insert(*n)).count();
                    prop_assert_eq!(set.insert(start..start + len), new as u64);
                } else if len < 5 {
                    set.remove_below(start);
                    model.retain(|n| *n >= start);
                }
                let numbers: BTreeSet<u64> = set.descending().flatten().collect();
                prop_assert_eq!(&numbers, &model);
                prop_assert_eq!(set.count(), model.len() as u64);
                let holes = model.iter().filter(|n| !model.contains(&(**n + 1))).count();
                prop_assert_eq!(set.ranges(), holes);
                prop_assert!((0..230).all(|n| set.contains(n) == model.contains(&n)));
                let missing = (0..300).find(|n| !model.contains(n));
                prop_assert_eq!(Some(set.first_missing()), missing);
                let range = start..start + len;
                let first = range.clone().find(|n| !model.contains(n));
                let gap = first.map(|first| {
                    first..(first..range.end).find(|n| model.contains(n)).unwrap_or(range.end)
                });
                prop_assert_eq!(set.first_gap(&range), gap);
                prop_assert_eq!(set.meets(&range), range.clone().any(|n| model.contains(&n)));
            }
        }
    }
}
