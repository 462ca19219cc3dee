//! The line that says how far a transfer is.

use std::time::Duration;

use cli::values::bytes_in_words;
use proto::sanitize;
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How wide a terminal is that does not say so.
const COLUMNS: usize = 80;

/// How far a transfer is.
#[derive(Debug, Serialize)]
pub(super) struct SoFar<'a> {
    /// The file that is under way.
    pub(super) path: &'a str,
    /// How many bytes are at the receiver.
    #[serde(rename = "bytes")]
    pub(super) done: u64,
    /// How many there are in all.
    pub(super) total: u64,
    /// Bytes per second.
    pub(super) rate: Option<f64>,
    /// How long it still takes at that rate.
    #[serde(serialize_with = "seconds")]
    pub(super) left: Option<Duration>,
    /// Whether what is there is compared.
    pub(super) hashing: bool,
}

impl SoFar<'_> {
    /// `34%  412.0 MiB of 1.2 GiB  361.0 MiB/s  2s left  report.tar`, in so many columns.
    pub(super) fn text(&self, columns: usize) -> String {
        let Self { path, done, total, rate: per_second, left, hashing } = *self;
        let percent = match total {
            0 => 100,
            total => u128::from(done) * 100 / u128::from(total),
        };
        let mut text =
            format!("{percent:3}%  {} of {}", bytes_in_words(done), bytes_in_words(total));
        if let Some(per_second) = per_second {
            text = format!("{text}  {}", rate(per_second));
        }
        if let Some(left) = left {
            text = format!("{text}  {} left", duration(left));
        }
        let what = if hashing { "comparing " } else { "" };
        cut(&format!("{text}  {what}{}", sanitize::line(path)), columns)
    }
}

/// A rate in words.
pub(super) fn rate(per_second: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let bytes = per_second.round() as u64;
    format!("{}/s", bytes_in_words(bytes))
}

/// The text with so many spaces behind it that nothing is left of a longer one; and how wide it is.
pub(super) fn padded(text: &str, before: usize) -> (String, usize) {
    let columns = text.width();
    (format!("{text}{:1$}", "", before.saturating_sub(columns)), columns)
}

/// How wide the terminal is.
pub(super) fn columns() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or(COLUMNS, |(width, _)| usize::from(width.0).max(2))
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..360_000 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => "days".to_owned(),
    }
}

/// As much of the text as fits.
fn cut(text: &str, columns: usize) -> String {
    let mut width = 0;
    let fits = |c: &char| {
        width += c.width().unwrap_or(0);
        width <= columns
    };
    text.chars().take_while(fits).collect()
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn seconds<S: serde::Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SO_FAR: SoFar<'static> = SoFar {
        path: "照片/海.jpg",
        done: 432_013_312,
        total: 1_288_490_188,
        rate: Some(378_535_936.0),
        left: Some(Duration::from_secs(62)),
        hashing: false,
    };

    #[test]
    fn the_line_says_how_far_how_quickly_and_how_long() {
        let text = " 33%  412.0 MiB of 1.2 GiB  361.0 MiB/s  1m02s left  照片/海.jpg";
        assert_eq!(SO_FAR.text(100), text);
        let begun = SoFar { done: 0, rate: None, left: None, hashing: true, path: "a", ..SO_FAR };
        assert_eq!(begun.text(100), "  0%  0 bytes of 1.2 GiB  comparing a");
        let empty = SoFar { done: 0, total: 0, ..begun };
        assert_eq!(empty.text(100), "100%  0 bytes of 0 bytes  comparing a");
    }

    #[test]
    fn it_fits_the_terminal_whatever_the_name() {
        for columns in 0..80 {
            assert!(SO_FAR.text(columns).width() <= columns);
        }
        let attack = SoFar { path: "\u{1b}[2J", ..SO_FAR };
        assert!(attack.text(100).ends_with("\\u{1b}[2J"));
    }

    #[test]
    fn a_shorter_line_covers_a_longer_one() {
        assert_eq!(padded("海", 5), ("海   ".to_owned(), 2));
        assert_eq!(padded("long", 2), ("long".to_owned(), 4));
    }

    #[test]
    fn times_are_told_in_two_units() {
        for (seconds, words) in
            [(0, "0s"), (59, "59s"), (61, "1m01s"), (7260, "2h01m"), (360_000, "days")]
        {
            assert_eq!(duration(Duration::from_secs(seconds)), words);
        }
    }
}
