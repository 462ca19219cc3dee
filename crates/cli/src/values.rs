//! Times and sizes on a command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads a time: `500ms`, `2s`, `1m 30s`, or a plain number of seconds, with or without a fraction.
///
/// ```
/// use std::time::Duration;
/// use cli::values::duration;
///
/// assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
/// assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
/// assert!(duration("-1").is_err());
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds.or_else(|| humantime::parse_duration(text).ok()).ok_or_else(|| {
        match text.strip_prefix('-') {
            Some(_) => format!("\"{text}\" is not a time: it must not be negative"),
            None => format!("\"{text}\" is not a time: write 500ms, 2s, 1m, or seconds"),
        }
    })
}

/// Reads a size in bytes: `64`, `64K`, `1MiB`, `2G`; the letters stand for powers of 1024.
///
/// ```
/// use cli::values::size;
///
/// assert_eq!(size("64K"), Ok(65_536));
/// assert_eq!(size("1MiB"), Ok(1_048_576));
/// assert!(size("1.5K").is_err());
/// ```
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => Some(1_u64),
        "K" | "k" | "KiB" => Some(1 << 10),
        "M" | "m" | "MiB" => Some(1 << 20),
        "G" | "g" | "GiB" => Some(1 << 30),
        _ => None,
    };
    let number = number.parse::<u64>().ok();
    number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor)).ok_or_else(|| {
        match text.strip_prefix('-') {
            Some(_) => format!("\"{text}\" is not a size: it must not be negative"),
            None => format!("\"{text}\" is not a size: write 64, 64K, 1M, or 2G bytes"),
        }
    })
}

/// A time as it is written on a command line: `5s`, `1m 30s`, `500us`. ASCII, unlike Rust's own `µs`.
///
/// ```
/// use std::time::Duration;
/// use cli::values::time_in_words;
///
/// assert_eq!(time_in_words(Duration::from_millis(1500)), "1s 500ms");
/// ```
pub fn time_in_words(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// A number of bytes as a sentence has it: `1 byte`, `1000 bytes`, `1.2 MiB`.
///
/// ```
/// use cli::values::bytes_in_words;
///
/// assert_eq!(bytes_in_words(1), "1 byte");
/// assert_eq!(bytes_in_words(1_258_291), "1.2 MiB");
/// ```
pub fn bytes_in_words(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..0x2800 => format!("{bytes} bytes"),
        0x2800..0x0010_0000 => format!("{:.1} KiB", bytes as f64 / f64::from(1 << 10)),
        0x0010_0000..0x4000_0000 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

/// Hours, minutes, seconds and milliseconds in UTC: the standard library knows no time zone.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use cli::values::time_of_day;
///
/// assert_eq!(time_of_day(UNIX_EPOCH + Duration::from_millis(86_400_007)), "00:00:00.007");
/// ```
pub fn time_of_day(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_unit_that_fits() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10.0 KiB"),
            (1 << 20, "1.0 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "17179869184.0 GiB"),
        ] {
            assert_eq!(bytes_in_words(bytes), words);
        }
    }

    #[test]
    fn what_is_no_time_or_size_is_refused() {
        for text in ["", "x", "-1s", "nan", "inf", "1e400", "5 parsecs"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "K", "-1", "1T", "99999999999999999999", "18446744073709551615K"] {
            assert!(size(text).is_err(), "{text}");
        }
        let negative = "it must not be negative";
        assert!(duration("-1").is_err_and(|why| why.ends_with(negative)));
        assert!(size("-1").is_err_and(|why| why.ends_with(negative)));
    }
}
