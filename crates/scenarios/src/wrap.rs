//! How is text broken into lines that fit, alone and in columns?
//!
//! A terminal breaks a line that is too long in the middle of a word, and the next column with it.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr;

/// The blank columns between two columns of a table.
pub(crate) const GAP: usize = 2;

/// What follows a number as its unit.
const UNITS: [&str; 7] = ["s", "ms", "µs", "B", "KiB", "MiB", "%"];

/// A text in lines of at most so many columns, broken between words, and in a word only where that is longer
/// than a line. What fits is left as it is, with the blanks that it has.
pub(crate) fn lines(text: &str, columns: usize) -> Vec<String> {
    if text.width() <= columns {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        for piece in pieces(&word, columns) {
            match lines.last_mut() {
                Some(line) if line.width() + 1 + piece.width() <= columns => {
                    line.push(' ');
                    line.push_str(&piece);
                }
                _ => lines.push(piece),
            }
        }
    }
    lines
}

/// A word in pieces of at most so many columns. A number goes without its unit before it is broken itself, and
/// what a reader takes for one character is never broken: it would be another one.
fn pieces(word: &str, columns: usize) -> Vec<String> {
    if word.width() <= columns {
        return vec![word.to_owned()];
    }
    let mut pieces = Vec::new();
    for part in word.split_whitespace() {
        let (mut piece, mut width) = (String::new(), 0);
        for character in part.graphemes(true) {
            let more = character.width();
            if width + more > columns && !piece.is_empty() {
                pieces.push(std::mem::take(&mut piece));
                width = 0;
            }
            piece.push_str(character);
            width += more;
        }
        pieces.push(piece);
    }
    pieces
}

/// The beginning of a text that takes no more than so many columns, with a mark where something is left out.
pub(crate) fn clip(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mut clipped, mut width) = (String::new(), 0);
    for character in text.graphemes(true) {
        width += character.width();
        if width >= columns {
            break;
        }
        clipped.push_str(character);
    }
    clipped + "…"
}

/// The words of a text. A number and its unit are one, because `0.011` at the end of a line and `s` in the
/// next one read as two things.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_unit = UNITS.contains(&word.trim_end_matches([',', '.', ';', ':', ')']));
        match words
            .last_mut()
            .filter(|last| is_unit && last.ends_with(|c: char| c.is_ascii_digit()))
        {
            Some(number) => *number = format!("{number} {word}"),
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// A text behind `first`, with its further lines behind as many blanks as `further`. None is longer than
/// `columns`.
pub(crate) fn hanging(first: &str, further: usize, text: &str, columns: usize) -> String {
    let inside = first.width().max(further);
    let mut out = String::new();
    for (at, line) in lines(text, columns.saturating_sub(inside)).iter().enumerate() {
        match at {
            0 => out.push_str(first),
            _ => out.push_str(&" ".repeat(further)),
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// How wide the columns of a table are whose rows take no more than so many columns; `None` where that breaks
/// words of up to `longest` columns. What is too much is taken from the widest, as long as none of its words is
/// longer; such as are longer than `longest` are broken only where there is no other way.
pub(crate) fn widths(rows: &[Vec<&str>], columns: usize, longest: usize) -> Option<Vec<usize>> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize, of: fn(&str) -> usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| of(cell)).max().unwrap_or_default()
    };
    let longest_word =
        |cell: &str| words(cell).iter().map(|word| word.width()).max().unwrap_or_default();
    let mut widths: Vec<usize> =
        (0..count).map(|column| widest(column, UnicodeWidthStr::width)).collect();
    let mut least: Vec<usize> = (0..count).map(|column| widest(column, longest_word)).collect();
    let room = columns.saturating_sub(GAP * count.saturating_sub(1));
    let sum =
        |widths: &[usize]| widths.iter().fold(0_usize, |sum, width| sum.saturating_add(*width));
    if sum(&least) > room {
        for width in &mut least {
            *width = (*width).min(longest);
        }
    }
    if sum(&least) > room {
        return None;
    }
    // In one step what would take very many, as a recording of anybody's making may have it.
    for width in &mut widths {
        *width = (*width).min(room);
    }
    while sum(&widths) > room {
        let shrinkable = (0..count).filter(|column| widths[*column] > least[*column]);
        let Some(widest) = shrinkable.max_by_key(|column| widths[*column]) else { break };
        widths[widest] -= 1;
    }
    Some(widths)
}

/// A row of a table behind so many blanks, in as many lines as its longest cell needs.
pub(crate) fn row(indent: usize, cells: &[&str], widths: &[usize]) -> String {
    let cells: Vec<Vec<String>> =
        cells.iter().zip(widths).map(|(cell, width)| lines(cell, *width)).collect();
    let count = cells.iter().map(Vec::len).max().unwrap_or_default();
    let mut out = String::new();
    for at in 0..count {
        let mut line = " ".repeat(indent);
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let text = cell.get(at).map_or("", String::as_str);
            // Nothing stands behind the last one, whose width may be no limit at all.
            if column + 1 < cells.len() {
                line.push_str(&pad(text, *width));
                line.push_str(&" ".repeat(GAP));
            } else {
                line.push_str(text);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Fills a cell up to its column's width. A Chinese character takes two columns, which `format!` does not
/// know.
pub(crate) fn pad(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_between_words_and_hangs() {
        let text = "一二 three  four five";
        assert_eq!(lines(text, 21), [text]);
        assert_eq!(lines(text, 10), ["一二 three", "four five"]);
        assert_eq!(lines("", 4), [""]);
        assert_eq!(lines("it took 12.5 s, not 3", 12), ["it took", "12.5 s, not", "3"]);
        assert_eq!(lines("level L2 s", 8), ["level", "L2 s"]);
        assert_eq!(lines("at most 1 % of it", 10), ["at most", "1 % of it"]);
        assert_eq!(hanging("- ", 4, "one two three", 9), "- one\n    two\n    three\n");
    }

    #[test]
    fn a_word_is_broken_only_where_a_line_has_no_room_for_it() {
        assert_eq!(lines("a looooong b", 4), ["a", "looo", "oong", "b"]);
        assert_eq!(lines("a loooong b", 4), ["a", "looo", "ong", "b"]);
        assert_eq!(lines("1234 ms", 4), ["1234", "ms"]);
        // Two columns each, of which five are too few for three.
        assert_eq!(lines("一二三四", 5), ["一二", "三四"]);
        // Each is one character to its reader, of one, two and eleven of Unicode's.
        let (accent, flag, family) = ("e\u{301}", "🇩🇪", "👩\u{200d}👩\u{200d}👧\u{200d}👦");
        assert_eq!(lines(&accent.repeat(3), 2), [accent.repeat(2), accent.to_owned()]);
        assert_eq!(lines(&flag.repeat(3), 3), [flag; 3]);
        assert_eq!(lines(&family.repeat(2), 3), [family; 2]);
        assert_eq!(lines("一二", 0), ["一", "二"], "what cannot fit is whole");
        assert_eq!(clip(&family.repeat(3), 5), family.repeat(2) + "…");
        assert_eq!((clip("12345", 5), clip("123456", 5)), ("12345".into(), "1234…".into()));
    }

    #[test]
    fn the_widest_column_gives_way_down_to_its_longest_word() {
        let rows = [vec!["x", "some words that are long"], vec!["yy", "short"]];
        assert_eq!(widths(&rows, usize::MAX, usize::MAX), Some(vec![2, 24]));
        assert_eq!(widths(&rows, 28, usize::MAX), Some(vec![2, 24]));
        assert_eq!(widths(&rows, 16, usize::MAX), Some(vec![2, 12]));
        assert_eq!(widths(&rows, 8, usize::MAX), None);
        assert_eq!(widths(&rows, 8, 4), Some(vec![2, 4]));
        assert_eq!(widths(&rows, 7, 4), None);
        let shown = row(4, &rows[0], &[2, 12]);
        assert_eq!(shown, "    x   some words\n        that are\n        long\n");
    }
}
