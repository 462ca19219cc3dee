//! What of a peer's text may reach a terminal.
//!
//! A terminal obeys control characters: a message could move the cursor, set the title, write over what
//! others said, or make the terminal type into the user's shell. Characters that nobody sees deceive the
//! reader in place of the terminal: text runs backwards, or two names that look alike differ. Both are
//! shown as `\u{1b}`, so that the reader knows that they are there.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// One line of text, with everything that a terminal would obey or nobody could see shown as `\u{..}`.
///
/// No control character is let through, so what comes out is one line and nothing else. A zero-width
/// joiner stays where it joins: between two characters beyond ASCII. Scripts of India and Persia and
/// the emoji of families are written with it.
///
/// ```
/// use proto::sanitize::line;
///
/// assert_eq!(line("你好, 👩‍👧!"), "你好, 👩‍👧!");
/// assert_eq!(line("\u{1b}[2J"), "\\u{1b}[2J");
/// assert_eq!(line("hi\nbob: I agree"), "hi\\u{a}bob: I agree");
/// assert_eq!(line("pay\u{200b}pal \u{202e}gpj.exe"), "pay\\u{200b}pal \\u{202e}gpj.exe");
/// ```
pub fn line(text: &str) -> Cow<'_, str> {
    let Some(first) = text.char_indices().find(|&(_, c)| is_unseen(c)) else {
        return Cow::Borrowed(text);
    };
    let (clean, rest) = text.split_at(first.0);
    let mut shown = clean.to_owned();
    let mut before = clean.chars().next_back();
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = is_joiner(c) && beyond_ascii(before) && beyond_ascii(chars.peek().copied());
        if is_unseen(c) && !joins {
            write!(shown, "{}", c.escape_unicode()).expect("a String takes everything");
        } else {
            shown.push(c);
        }
        before = Some(c);
    }
    Cow::Owned(shown)
}

/// The same for bytes, of which those that are no UTF-8 are shown as `\xff`.
///
/// ```
/// assert_eq!(proto::sanitize::line_of_bytes(b"caf\xe9\x07"), "caf\\xe9\\u{7}");
/// ```
pub fn line_of_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return line(text);
    }
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&line(chunk.valid()));
        for byte in chunk.invalid() {
            write!(shown, "\\x{byte:02x}").expect("a String takes everything");
        }
    }
    Cow::Owned(shown)
}

/// Whether a reader cannot see the character, or a terminal does something else with it than show it.
///
/// Joiners need a second look, see [`line()`]. The selectors of variants (U+FE00 to U+FE0F and U+E0100 to
/// U+E01EF) are not among them: they choose the shape of the emoji or ideograph before them.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || UNSEEN.iter().any(|range| range.contains(&c))
}

/// What is unseen beside Unicode's control characters (U+0000 to U+001F, U+007F to U+009F).
const UNSEEN: [RangeInclusive<char>; 18] = [
    // Marks of direction, and what turns the direction of the text that follows.
    '\u{61c}'..='\u{61c}',
    '\u{200e}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2066}'..='\u{2069}',
    // Ends of a line and of a paragraph: some terminals and most logs break the line there.
    '\u{2028}'..='\u{2029}',
    // Zero width, joiners among them, and the hyphen that is seen only where a line ends.
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200d}',
    '\u{feff}'..='\u{feff}',
    // Fillers, which take room and show nothing.
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{3164}'..='\u{3164}',
    '\u{ffa0}'..='\u{ffa0}',
    // Invisible operators, retired controls of form, marks of annotation.
    '\u{2060}'..='\u{2065}',
    '\u{206a}'..='\u{206f}',
    '\u{fff0}'..='\u{fffb}',
    // Tags, in which a whole text in ASCII can hide.
    '\u{e0000}'..='\u{e00ff}',
];

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

fn beyond_ascii(c: Option<char>) -> bool {
    c.is_some_and(|c| !c.is_ascii() && !is_unseen(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(line(text), expected);
        assert_eq!(line_of_bytes(text.as_bytes()), expected);
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["", "plain", "你好 ü 😀", "👨‍👩‍👧‍👦 ❤️ 🇨🇳", "می‌خواهم", "क्‍ष", "שלום", "e\u{301}"]
        {
            check(text, text);
            assert!(matches!(line(text), Cow::Borrowed(_)) || text.contains(is_joiner));
        }
    }

    #[test]
    fn every_control_character_is_shown() {
        for c in (0..=0x9f).filter_map(char::from_u32).filter(|c| c.is_control()) {
            check(&format!("a{c}b"), &format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }

    #[test]
    fn what_deceives_a_reader_is_shown() {
        check("\u{202e}x\u{202c}", "\\u{202e}x\\u{202c}");
        check("\u{2066}\u{200f}", "\\u{2066}\\u{200f}");
        check("a\u{2028}b\u{feff}", "a\\u{2028}b\\u{feff}");
        check("\u{e0041}\u{3164}", "\\u{e0041}\\u{3164}");
    }

    #[test]
    fn a_joiner_that_joins_nothing_is_shown() {
        check("a\u{200d}b", "a\\u{200d}b");
        check("\u{200d}你", "\\u{200d}你");
        check("你\u{200c}", "你\\u{200c}");
        check("你\u{200d}\u{200d}好", "你\\u{200d}\\u{200d}好");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(line_of_bytes(b"\xff\x1b\xe4\xbd"), "\\xff\\u{1b}\\xe4\\xbd");
        assert_eq!(line_of_bytes("你\u{9b}".as_bytes()), "你\\u{9b}");
    }
}
