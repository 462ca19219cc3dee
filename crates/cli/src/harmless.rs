//! JSON that a terminal shows and does not obey.
//!
//! JSON escapes U+0000 to U+001F and lets the rest through. Of that a terminal obeys U+007F and U+0080 to
//! U+009F, whose `U+009B` is the `ESC [` of its commands; marks of direction turn what is written after
//! them, and some terminals and most logs break the line at U+2028 and U+2029. Whoever looks at events
//! would read what a peer made of them. Escaped, they are the same text to a reader of JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// The value as JSON on one line.
pub(crate) fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut json, Harmless))?;
    Ok(json)
}

struct Harmless;

impl Formatter for Harmless {
    /// Writes a part of a string, or of a key, in which JSON itself escapes nothing.
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_harmful(c)) {
            // All of them are below U+10000, where a character is one unit.
            write!(writer, "{}\\u{:04x}", &rest[..at], u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

fn is_harmful(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(text: &str, json: &str) {
        let written = String::from_utf8(to_vec(&text).unwrap()).unwrap();
        assert_eq!(written, json);
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_means_the_same() {
        check("\u{9b}2J \u{7f}\u{80}\u{9f}\u{a0}", "\"\\u009b2J \\u007f\\u0080\\u009f\u{a0}\"");
        check("\u{202e}gpj\u{202c}", r#""\u202egpj\u202c""#);
        check("\u{2066}a\u{2069}\u{200e}\u{200f}\u{61c}", r#""\u2066a\u2069\u200e\u200f\u061c""#);
        check("a\u{2028}b\u{2029}", r#""a\u2028b\u2029""#);
        check("\u{1b}[2J\n\"\\", r#""\u001b[2J\n\"\\""#);
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        check("你好 ü 😀 👨\u{200d}👩", "\"你好 ü 😀 👨\u{200d}👩\"");
        check("", "\"\"");
    }

    #[test]
    fn no_character_is_lost() {
        let all: String = ('\0'..=char::MAX).collect();
        let written = to_vec(&all).unwrap();
        assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), all);
        let raw = str::from_utf8(&written).unwrap().chars().find(|c| c.is_control());
        assert_eq!(raw, None);
    }

    #[test]
    fn keys_are_escaped_too() {
        let map = BTreeMap::from([("k\u{9b}", 1)]);
        assert_eq!(to_vec(&map).unwrap(), br#"{"k\u009b":1}"#);
    }
}
