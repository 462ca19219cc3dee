//! The characters that diagrams are drawn with.
//!
//! Diagrams are drawn once, in the richest set, and translated glyph by glyph at the end, so the sets
//! cannot differ in layout. Most box-drawing characters are one column wide for us and two in a
//! terminal of China, Japan or Korea, which breaks every row; the stable set has none of those.

use std::env;

/// A set of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Box-drawing characters.
    Unicode,
    /// Only characters that are one column wide everywhere.
    Stable,
    /// ASCII.
    Ascii,
}

/// Each glyph in the three sets, in the order of [`Glyphs`].
const TABLE: [[char; 3]; 12] = [
    ['─', '-', '-'],
    ['│', '|', '|'],
    ['►', '►', '>'],
    ['◄', '◄', '<'],
    ['✗', '✗', 'x'],
    ['✓', '✓', '+'],
    ['┆', ':', ':'],
    ['█', '#', '#'],
    ['·', '.', '.'],
    ['…', '~', '~'],
    ['≈', '~', '~'],
    ['µ', 'µ', 'u'],
];

impl Glyphs {
    /// The set that suits the locale and the terminal.
    pub fn auto() -> Self {
        let var = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(var);
        Self::for_environment(
            locale.as_deref().unwrap_or_default(),
            &var("TERM").unwrap_or_default(),
        )
    }

    fn for_environment(locale: &str, term: &str) -> Self {
        let locale = locale.to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        if !utf8 || matches!(term, "dumb" | "linux") {
            Self::Ascii
        } else if ["zh", "ja", "ko"].iter().any(|language| locale.starts_with(language)) {
            Self::Stable
        } else {
            Self::Unicode
        }
    }

    /// Translates a text that was drawn in the richest set.
    pub fn translate(self, text: &str) -> String {
        let column = match self {
            Self::Unicode => return text.to_owned(),
            Self::Stable => 1,
            Self::Ascii => 2,
        };
        text.chars()
            .map(|c| TABLE.iter().find(|row| row[0] == c).map_or(c, |row| row[column]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_suits_the_locale() {
        for (locale, term, set) in [
            ("en_US.UTF-8", "xterm-256color", Glyphs::Unicode),
            ("zh_CN.utf8", "xterm", Glyphs::Stable),
            ("C", "xterm", Glyphs::Ascii),
            ("", "", Glyphs::Ascii),
            ("en_US.UTF-8", "dumb", Glyphs::Ascii),
        ] {
            assert_eq!(Glyphs::for_environment(locale, term), set, "{locale} {term}");
        }
    }

    #[test]
    fn every_set_has_as_many_cells_and_the_last_is_ascii() {
        let drawn: String = TABLE.iter().map(|row| row[0]).collect();
        for set in [Glyphs::Unicode, Glyphs::Stable, Glyphs::Ascii] {
            assert_eq!(set.translate(&drawn).chars().count(), TABLE.len());
        }
        assert!(Glyphs::Ascii.translate(&drawn).is_ascii());
    }
}
