//! What differs between any two runs of the same thing?
//!
//! No two runs take exactly as long, nor do they use the same ports and sequence numbers. What differs
//! in that alone is taken for the same; what was counted is exact.

/// How far two amounts may be apart and still count as the same, as a part of the greater: two runs of
/// the same thing on a busy machine differ by less, and a knob that matters doubles or halves.
const PART: f64 = 1.0 / 3.0;

/// By how much two times may differ in any case, in milliseconds: what a busy machine adds to each.
const MILLIS: f64 = 20.0;

/// From here on an integer is a rate, or a number that the kernel picked, and was not counted.
const LARGE: f64 = 100_000.0;

/// The first of the ports that the system gives out by itself (`net.ipv4.ip_local_port_range`).
const FIRST_EPHEMERAL: u16 = 32_768;

/// Whether two values are the same but for what differs between any two runs.
pub(super) fn alike(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|value| value.split_whitespace().collect::<Vec<_>>());
    a.len() == b.len() && (0..a.len()).all(|at| words_alike(&a[at..], &b[at..]))
}

/// Whether the first words are; those behind may be their units.
fn words_alike(a: &[&str], b: &[&str]) -> bool {
    if a[0] == b[0] {
        return true;
    }
    if let (Some((host, port)), Some((other_host, other_port))) = (endpoint(a[0]), endpoint(b[0])) {
        return host == other_host && port.min(other_port) >= FIRST_EPHEMERAL;
    }
    // Ranges over the rounds of a measurement.
    if let (Some((from, to)), Some((other_from, other_to))) = (range(a[0]), range(b[0])) {
        return from <= other_to && other_from <= to;
    }
    let (Some(a), Some(b)) = (Amount::of(a), Amount::of(b)) else { return false };
    let apart = (a.number - b.number).abs();
    let is_near = apart <= PART * a.number.max(b.number);
    match (a.millis_in_unit, b.millis_in_unit) {
        (Some(millis), Some(other)) if millis.total_cmp(&other).is_eq() => {
            is_near || apart * millis <= MILLIS
        }
        (None, None) => is_near && a.unit == b.unit && a.is_measured() && b.is_measured(),
        _ => false,
    }
}

/// A number and its unit.
struct Amount<'a> {
    number: f64,
    has_point: bool,
    /// What stands behind the number in the same word.
    unit: &'a str,
    /// For a time, how many milliseconds its unit has.
    millis_in_unit: Option<f64>,
}

impl<'a> Amount<'a> {
    fn of(words: &[&'a str]) -> Option<Self> {
        let word = words[0].trim_end_matches(PUNCTUATION);
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        let (number, unit) = word.split_at(end);
        let following = words.get(1).map_or("", |next| next.trim_end_matches(PUNCTUATION));
        let millis_in_unit = match if unit.is_empty() { following } else { unit } {
            "s" => Some(1e3),
            "ms" => Some(1.0),
            "us" | "µs" => Some(1e-3),
            _ => None,
        };
        let has_point = number.contains('.');
        Some(Self { number: number.parse().ok()?, has_point, unit, millis_in_unit })
    }

    fn is_measured(&self) -> bool {
        self.has_point || self.number >= LARGE
    }
}

const PUNCTUATION: [char; 3] = [',', ';', ')'];

/// An address and its port.
fn endpoint(word: &str) -> Option<(&str, u16)> {
    let (host, port) = word.trim_end_matches(PUNCTUATION).rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

/// `6942..320919`
fn range(word: &str) -> Option<(f64, f64)> {
    let word = word.trim_start_matches('(').trim_end_matches(PUNCTUATION);
    let (from, to) = word.split_once("..")?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_may_differ_a_little_and_what_was_counted_may_not() {
        for (a, b, same) in [
            ("1.023 s", "1.180 s", true),
            ("1.023 s", "2.046 s", false),
            ("0.000 s", "0.002 s", true),
            ("0.010 s", "0.050 s", false),
            ("42 ms", "45 ms", true),
            ("42 ms, then 7 ms", "45 ms, then 26 ms", true),
            ("200 ms", "400 ms", false),
            ("1.0ms", "1.2s", false),
            ("12", "13", false),
            ("12 clients", "13 clients", false),
            ("1805105052", "1853751701", true),
            ("306619 (6942..320919)", "285537 (11747..319127)", true),
            ("1..2", "3..4", false),
            ("1.2MiB", "1.3MiB", true),
            ("1.2MiB", "1.3KiB", false),
            ("from 10.0.0.1:40001 on", "from 10.0.0.1:51234 on", true),
            ("from 10.0.0.1:40001 on", "from 10.0.0.2:40001 on", false),
            ("10.0.0.2:7878", "10.0.0.2:7879", false),
            ("three words here", "three words", false),
        ] {
            assert_eq!(alike(a, b), same, "{a} | {b}");
        }
    }
}
