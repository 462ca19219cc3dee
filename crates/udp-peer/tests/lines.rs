//! Lines for any bytes in any pieces.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use proptest::collection::vec;
use proptest::prelude::*;
use udp_peer::{Line, Lines};

/// Bytes in which the ends of lines are as frequent as everything else.
fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x'), any::<u8>()], 0..200)
}

/// The lines as the standard library cuts them, which holds the whole text.
fn expected(text: &[u8], limit: usize) -> Vec<Line> {
    let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let unfinished = lines.pop().unwrap();
    let mut lines: Vec<_> =
        lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    if !unfinished.is_empty() {
        lines.push(unfinished);
    }
    let line = |line: &[u8]| match line.len() {
        len if len > limit => Line::TooLong { len: len as u64 },
        _ => Line::Whole(line.to_vec()),
    };
    lines.into_iter().map(line).collect()
}

proptest! {
    #[test]
    fn any_split_of_the_input_gives_the_same_lines(
        text in text(),
        sizes in vec(1..20_usize, 1..40),
        limit in 0..12_usize,
    ) {
        let (mut lines, mut found) = (Lines::new(limit), Vec::new());
        let (mut rest, mut sizes) = (&text[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            lines.push(piece, |line| found.push(line));
            rest = after;
        }
        found.extend(lines.finish());
        prop_assert_eq!(found, expected(&text, limit));
    }
}
