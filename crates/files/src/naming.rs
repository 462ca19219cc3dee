//! What a file is called while it comes, and where its name is taken.

use proto::sanitize;

use crate::hash::Hash;
use crate::limits::MAX_NAME;

/// How many digits tell one file from another of the same name, in the name of its part.
const DIGITS: usize = 16;

const PART: &str = ".part";

/// The name under which what has come of a file is kept until all of it is there.
///
/// It holds which file it is: name, size and the time of its last change. So the same file goes on where
/// it stopped, and another one of the same name does not disturb it. `number` is above 1 where the same
/// file is being received already.
///
/// ```
/// assert_eq!(files::naming::part("报告.tar", 7, None, 1), "报告.tar.b3c160ce826ee572.part");
/// ```
pub fn part(name: &str, size: u64, modified: Option<i64>, number: u32) -> String {
    let mut key = size.to_be_bytes().to_vec();
    key.extend(modified.unwrap_or(i64::MIN).to_be_bytes());
    key.extend(name.as_bytes());
    let key = Hash::of(&key).to_string();
    let number = if number > 1 { format!("-{number}") } else { String::new() };
    let end = format!(".{}{number}{PART}", &key[..DIGITS]);
    format!("{}{end}", cut(name, MAX_NAME - end.len()))
}

/// Whether a name is one that [`part`] could have given.
pub fn is_part(name: &str) -> bool {
    let Some(key) = name.strip_suffix(PART).and_then(|name| name.rsplit('.').next()) else {
        return false;
    };
    let (digits, number) = key.split_once('-').unwrap_or((key, "2"));
    name.len() > key.len() + PART.len()
        && digits.len() == DIGITS
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The name with a number, for a file whose own name is taken: `report (1).tar`.
///
/// ```
/// use files::naming::another;
///
/// assert_eq!(another("report.tar", 1), "report (1).tar");
/// assert_eq!(another("report.tar.gz", 2), "report (2).tar.gz");
/// assert_eq!(another(".profile", 1), ".profile (1)");
/// ```
pub fn another(name: &str, number: u32) -> String {
    let dot = name.rfind('.').filter(|&at| at > 0).map(|at| {
        // The end of a compressed archive has two parts.
        match name[..at].strip_suffix(".tar") {
            Some(stem) if !stem.is_empty() => stem.len(),
            _ => at,
        }
    });
    let (stem, end) = name.split_at(dot.unwrap_or(name.len()));
    let number = format!(" ({number})");
    match MAX_NAME.checked_sub(number.len() + end.len()) {
        Some(room) if room > 0 => format!("{}{number}{end}", cut(stem, room)),
        // What follows the dot is no extension, at such a length.
        _ => format!("{}{number}", cut(name, MAX_NAME - number.len())),
    }
}

/// The beginning of a name that fits into so many bytes.
///
/// A joiner at its end goes too: what it joined is cut off, and without that nobody sees it.
fn cut(name: &str, room: usize) -> &str {
    beginning(name, room).trim_end_matches(sanitize::is_unseen)
}

/// As much of a text as fits into so many bytes, to the end of a character.
pub(crate) fn beginning(text: &str, room: usize) -> &str {
    let end = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::SafePath;

    #[test]
    fn another_name_is_as_short_as_a_name_may_be() {
        for name in ["x".repeat(255), format!("{}.tar.gz", "海".repeat(82)), ".".repeat(255)] {
            for number in [1, 999] {
                let another = another(&name, number);
                assert!(another.len() <= MAX_NAME && another != name, "{another}");
                assert!(SafePath::new(&another).is_ok(), "{another}");
            }
        }
        assert_eq!(another(&format!("a.{}", "x".repeat(253)), 1).len(), 255);
        let end = "x".repeat(249);
        assert_eq!(another(&format!("ab.{end}"), 1), format!("a (1).{end}"));
        let no_end = format!("a.{}", "x".repeat(250));
        assert_eq!(another(&no_end, 1), format!("{} (1)", &no_end[..251]));
        assert_eq!(another("no end", 3), "no end (3)");
        assert_eq!(another(".tar.gz", 1), ".tar (1).gz");
    }

    #[test]
    fn a_name_is_not_cut_behind_a_joiner() {
        // Six bytes a pair, so some of these are cut right behind a joiner.
        for lead in 0..=8 {
            let name = format!("{}{}", "x".repeat(lead), "海\u{200d}".repeat(40)) + "海.jpg";
            let name = SafePath::new(&name).expect("a safe name");
            let another = another(name.name(), 1);
            assert!(SafePath::new(&another).is_ok(), "{another:?}");
            let part = part(name.name(), 7, None, 1);
            assert_eq!(sanitize::line(&part), part, "{lead}");
        }
    }

    #[test]
    fn the_name_of_a_part_tells_which_file_it_is() {
        let one = part("a", 1, Some(5), 1);
        assert_eq!(one, part("a", 1, Some(5), 1));
        for other in [
            part("b", 1, Some(5), 1),
            part("a", 2, Some(5), 1),
            part("a", 1, Some(6), 1),
            part("a", 1, None, 1),
            part("a", 1, Some(5), 2),
        ] {
            assert_ne!(one, other);
            assert!(is_part(&other), "{other}");
        }
        let long = part(&"海".repeat(85), 1, None, 12);
        assert!(long.len() <= MAX_NAME && is_part(&long), "{long}");
    }

    #[test]
    fn a_part_of_others_is_no_part_of_ours() {
        for name in [
            "a.part",
            "a.6ef49a1ce6f0d5a.part",
            "a.6EF49A1CE6F0D5A2.part",
            "a.6ef49a1ce6f0d5a2",
            "6ef49a1ce6f0d5a2.part",
            "a.6ef49a1ce6f0d5a2-.part",
            "a.6ef49a1ce6f0d5a2-x.part",
        ] {
            assert!(!is_part(name), "{name}");
        }
    }
}
