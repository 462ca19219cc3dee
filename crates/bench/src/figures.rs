//! The figures of several rounds, and how a person reads them.

use std::time::Duration;

/// What one contender reached, a figure for each counted round. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    sorted: Vec<f64>,
}

impl Figures {
    /// The figures `values`, in any order.
    pub fn new(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "a contender takes part in at least one round");
        values.sort_by(f64::total_cmp);
        Self { sorted: values }
    }

    /// The one in the middle, or the mean of the two there.
    pub fn median(&self) -> f64 {
        let middle = self.sorted.len() / 2;
        if self.sorted.len() % 2 == 1 {
            self.sorted[middle]
        } else {
            f64::midpoint(self.sorted[middle - 1], self.sorted[middle])
        }
    }

    /// The lowest and the highest.
    pub fn range(&self) -> (f64, f64) {
        (self.sorted[0], self.sorted[self.sorted.len() - 1])
    }

    /// Median and range in `unit`: `4.21 M frame/s (4.18 M to 4.25 M)`.
    pub fn show(&self, unit: &str) -> String {
        let (low, high) = self.range();
        format!("{}{unit} ({}to {})", si(self.median()), si(low), si(high).trim_end())
    }
}

/// Three digits and the letter for a power of 1000, with a space behind: `4.21 M `.
fn si(value: f64) -> String {
    let (value, letter) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G "),
        size if size >= 1e6 => (value / 1e6, "M "),
        size if size >= 1e3 => (value / 1e3, "k "),
        _ => (value, ""),
    };
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {letter}")
}

/// The smallest value that is not exceeded by so great a part of `sorted`: the nearest rank.
pub fn percentile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a length is a length"
    )]
    let at = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, median, range) in [
            (vec![3.0], 3.0, (3.0, 3.0)),
            (vec![9.0, 1.0, 2.0], 2.0, (1.0, 9.0)),
            (vec![4.0, 1.0, 2.0, 9.0], 3.0, (1.0, 9.0)),
        ] {
            let figures = Figures::new(values);
            assert_eq!((figures.median(), figures.range()), (median, range));
        }
    }

    #[test]
    fn figures_are_shown_with_three_digits() {
        for (values, text) in [
            (vec![4_213_700.0], "4.21 M frame/s (4.21 M to 4.21 M)"),
            (vec![99.96, 1.0, 123_456_789_012.0], "100 frame/s (1.00 to 123 G)"),
            (vec![12_345.0], "12.3 k frame/s (12.3 k to 12.3 k)"),
        ] {
            assert_eq!(Figures::new(values).show("frame/s"), text);
        }
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let hundred: Vec<_> = (1..=100).map(Duration::from_micros).collect();
        let five: Vec<_> = (1..=5).map(Duration::from_micros).collect();
        for (sorted, part, expected) in [
            (&hundred[..], 0.5, 50),
            (&hundred, 0.99, 99),
            (&five, 0.5, 3),
            (&five, 0.99, 5),
            (&five[..1], 0.5, 1),
        ] {
            assert_eq!(percentile(sorted, part), Duration::from_micros(expected));
        }
    }
}
