//! What is a clean name, and when do two of them look the same?

use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::limits::{NAME_BYTES, NAME_COLUMNS};

/// The name of a person or a room, clean, and with what tells it from others.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    shown: Arc<str>,
    keys: Keys,
}

/// What a name looks like, as it is and in lower case. Two names of which any keys agree look the same.
///
/// One key would not do: `I` looks like `l` but in lower case it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    lower: Box<str>,
    /// `None` where it is the same as the other.
    as_it_is: Option<Box<str>>,
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// There is nothing to be seen in it.
    Empty,
    /// It has more than [`NAME_COLUMNS`] columns, or [`NAME_BYTES`] bytes.
    TooLong,
    /// White space at one of its ends, twice in a row, or of another kind than U+0020.
    Space,
    /// A control character, one that cannot be seen, or one that turns the direction of text.
    Unseen(char),
    /// It begins with a mark that combines with what stands before it, or with what a relay's own lines
    /// and commands begin with.
    Begin(char),
    /// It has a colon or a comma, or what looks like one: these end a name in front of what it says, and
    /// in a list of names.
    Punctuation,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name has at least one character"),
            Self::TooLong => write!(f, "a name has at most {NAME_COLUMNS} columns"),
            Self::Space => f.write_str("a name has single spaces only, and none at its ends"),
            Self::Unseen(c) => write!(f, "no name has the character U+{:04X}", u32::from(*c)),
            Self::Begin(c) => write!(f, "no name begins with U+{:04X}", u32::from(*c)),
            Self::Punctuation => {
                f.write_str("no name has a colon or a comma, or what looks like one")
            }
        }
    }
}

impl Name {
    /// Reads a name. Its length is judged first, so that a long text costs nothing.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > NAME_BYTES {
            return Err(NameError::TooLong);
        }
        let shown: String = text.nfc().collect();
        // Composing may lengthen, by a factor of three at most.
        if shown.len() > NAME_BYTES || shown.width() > NAME_COLUMNS {
            return Err(NameError::TooLong);
        }
        if let Some(c) = shown.chars().find(|&c| is_unseen(c)) {
            return Err(NameError::Unseen(c));
        }
        let ends = [shown.chars().next(), shown.chars().next_back()];
        let is_odd = |c: char| c.is_whitespace() && c != ' ';
        if ends.contains(&Some(' ')) || shown.contains("  ") || shown.contains(is_odd) {
            return Err(NameError::Space);
        }
        let as_it_is: Box<str> = skeleton(&shown).collect::<String>().into();
        let first = shown.chars().next().unwrap_or_default();
        if is_combining_mark(first) || as_it_is.starts_with(['*', '/']) {
            return Err(NameError::Begin(first));
        }
        if as_it_is.contains([':', ',']) {
            return Err(NameError::Punctuation);
        }
        // Upper case first unites what only full case folding would: the sharp s and `ss`.
        let lower = shown.to_uppercase().to_lowercase();
        let lower: Box<str> = skeleton(&lower).collect::<String>().into();
        let as_it_is = Some(as_it_is).filter(|key| *key != lower);
        Ok(Self { shown: shown.into(), keys: Keys { lower, as_it_is } })
    }

    /// The name as it is shown.
    pub fn shown(&self) -> &Arc<str> {
        &self.shown
    }

    /// What it looks like. Names that share one of these look the same.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        [Some(&*self.keys.lower), self.keys.as_it_is.as_deref()].into_iter().flatten()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Whether a character leaves no trace on a screen, or does something there.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Letters that are blank, and marks that show nothing (Default_Ignorable_Code_Point).
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            // For private use: every font has something else there, or nothing.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
        // What else has no width is a mark that is seen with what it combines with, or is not seen.
        || (c.width() == Some(0) && !is_combining_mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_alike(a: &str, b: &str) -> bool {
        let (a, b) = (Name::new(a).unwrap(), Name::new(b).unwrap());
        a.keys().any(|key| b.keys().any(|other| key == other))
    }

    #[test]
    fn names_of_many_scripts_are_clean() {
        for text in [
            "a",
            "Alice",
            "小明",
            "Zoë",
            "Łukasz",
            "Иван",
            "محمد",
            "मोहन",
            "ชัย",
            "O'Brien",
            "guest-7",
            "team blue",
            "🐟",
            "#general",
            "_x_",
            "C++",
        ] {
            assert_eq!(&**Name::new(text).unwrap().shown(), text);
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        let long = "x".repeat(10_000);
        for (text, error) in [
            ("", NameError::Empty),
            (&long, NameError::TooLong),
            ("1234567890123456789012345", NameError::TooLong),
            ("一二三四五六七八九十一二三", NameError::TooLong),
            (" a", NameError::Space),
            ("a ", NameError::Space),
            (" ", NameError::Space),
            ("a  b", NameError::Space),
            ("a\u{a0}b", NameError::Space),
            ("a\u{3000}", NameError::Space),
            ("a\nb", NameError::Unseen('\n')),
            ("\u{1b}[31mred", NameError::Unseen('\u{1b}')),
            ("a\u{9b}b", NameError::Unseen('\u{9b}')),
            ("a\u{200b}b", NameError::Unseen('\u{200b}')),
            ("a\u{202e}b", NameError::Unseen('\u{202e}')),
            ("a\u{2066}b", NameError::Unseen('\u{2066}')),
            ("a\u{feff}", NameError::Unseen('\u{feff}')),
            ("a\u{fe0f}", NameError::Unseen('\u{fe0f}')),
            ("\u{3164}", NameError::Unseen('\u{3164}')),
            ("a\u{e0041}", NameError::Unseen('\u{e0041}')),
            ("a\u{e000}", NameError::Unseen('\u{e000}')),
            ("\u{301}a", NameError::Begin('\u{301}')),
            ("* bob", NameError::Begin('*')),
            ("/nick", NameError::Begin('/')),
            ("bob: hello", NameError::Punctuation),
            ("alice, bob", NameError::Punctuation),
            ("alice\u{201a} bob", NameError::Punctuation),
        ] {
            assert_eq!(Name::new(text), Err(error), "{text:?}");
        }
        assert!(Name::new(&"x".repeat(NAME_COLUMNS)).is_ok());
    }

    #[test]
    fn names_that_look_the_same_share_a_key() {
        for (a, b) in [
            ("alice", "Alice"),
            ("alice", "\u{430}lice"),
            ("paypal", "раура\u{4cf}"),
            ("Ivan", "lvan"),
            ("Ivan", "ivan"),
            ("O", "0"),
            ("é", "e\u{301}"),
            ("straße", "STRASSE"),
            ("ABC", "АВС"),
        ] {
            assert!(look_alike(a, b), "{a} {b}");
            assert!(look_alike(b, a), "{b} {a}");
        }
        for (a, b) in [("alice", "alicia"), ("小明", "小红"), ("a b", "ab"), ("e", "é")] {
            assert!(!look_alike(a, b), "{a} {b}");
        }
    }
}
