//! How are two runs laid side by side, and many in a table?

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::compare::{Compared, Comparison, Difference};
use crate::summary::{Row, Unlike};
use crate::wrap::{GAP, hanging, row};

/// Columns of two runs side by side, where there are as many, and the fewest that it is laid out for.
const WIDTH: usize = 100;
const LEAST_WIDTH: usize = 60;

/// Columns of the kind of what differs.
const KIND_WIDTH: usize = 7;

/// Columns before all that.
const INDENT: usize = 2;

/// Two runs, side by side, in so many columns where that is known.
pub fn comparison(
    demo: &str,
    variants: [&str; 2],
    comparison: &Comparison,
    columns: Option<usize>,
) -> String {
    let widths = widths(columns);
    let [a, b] = variants.map(short);
    let mut out = format!("\n{demo}, side by side\n\n");
    out.push_str(&row(INDENT, &["", "what differs", a, b], &widths));
    for story in &comparison.stories {
        let words = format!("{}: {}", story.name, story.says);
        out.push_str(&hanging("== ", 3, &words, columns.unwrap_or(usize::MAX)));
        out.push_str(&part(story, &widths));
    }
    out.push_str("claims\n");
    out.push_str(&part(&comparison.claims, &widths));
    out
}

/// How wide the kind, what differs and its two values are.
fn widths(columns: Option<usize>) -> [usize; 4] {
    let columns = columns.unwrap_or(WIDTH).clamp(LEAST_WIDTH, WIDTH);
    let room = columns - INDENT - KIND_WIDTH - 3 * GAP;
    // A value is shorter than the words that say what it is.
    let value = room * 2 / 7;
    [KIND_WIDTH, room - 2 * value, value, value]
}

fn part(compared: &Compared, widths: &[usize; 4]) -> String {
    let mut out = String::new();
    let mut last_table = None;
    for Difference { kind, id, table, what, values: [a, b] } in &compared.differences {
        // Its cells are named by their rows and columns alone.
        if let Some(table) = table.as_ref().filter(|table| last_table != Some(*table)) {
            let _ = writeln!(out, "  {:<7}  {table}", kind.word());
            last_table = Some(table);
        }
        let word = if table.is_some() { "" } else { kind.word() };
        let what = match id {
            Some(id) if id.len() == 1 => format!("{id}  {what}"),
            _ => what.clone(),
        };
        out.push_str(&row(INDENT, &[word, &what, a, b], widths));
    }
    let same = compared.same;
    let _ = match (compared.differences.is_empty(), same) {
        (_, 0) => Ok(()),
        (true, _) => writeln!(out, "  nothing differs, of {same}"),
        (false, _) => writeln!(out, "  the same in both: {same}"),
    };
    out
}

/// A knob without the prefix that most of them have.
pub fn short(variant: &str) -> &str {
    variant.strip_prefix("net.ipv4.").unwrap_or(variant)
}

/// Every demo that was played, one a line.
pub fn table(rows: &[Row]) -> String {
    let named = |row: &Row| match &row.variant {
        Some(variant) => format!("{} ({})", row.demo, short(variant)),
        None => row.demo.clone(),
    };
    let width = rows.iter().map(|row| named(row).width()).max().unwrap_or_default().max(4);
    let mut out = format!("\n{:<width$}  checks  failed  skipped     time  claims\n", "demo");
    for row in rows {
        let claims: Vec<String> =
            row.claims.iter().map(|(id, verdict)| format!("{id} {verdict}")).collect();
        let claims = claims.join(", ");
        let (tally, seconds) = (row.tally, row.seconds);
        let _ = writeln!(
            out,
            "{:<width$}  {:>6}  {:>6}  {:>7}  {seconds:>5.1} s  {claims}",
            named(row),
            tally.checks,
            tally.failed,
            tally.skipped
        );
    }
    out
}

/// Whether many times gave the same.
pub fn repeated(times: u32, unlike: &[Unlike]) -> String {
    if unlike.is_empty() {
        return format!("\n{times} times, each with the same verdicts\n");
    }
    let mut out = format!("\n{times} times, and not each with the same verdicts:\n");
    for Unlike { demo, what, seen } in unlike {
        let _ = writeln!(out, "  {demo}, {what}: {}", seen.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Kind;

    #[test]
    fn what_differs_stands_in_columns_and_what_is_the_same_is_counted() {
        let cell = |what: &str| Difference {
            kind: Kind::Table,
            id: None,
            table: Some("who is where".into()),
            what: what.into(),
            values: ["inside".into(), "outside".into()],
        };
        let difference = Difference {
            kind: Kind::Check,
            id: Some("half-open-limit".into()),
            table: None,
            what: "half-open connections that the kernel keeps of twenty".into(),
            values: ["ok: 6".into(), "FAILED: 20, expected 5..6".into()],
        };
        let story = |name: &str, differences| Compared {
            name: name.into(),
            says: "it is played".into(),
            differences,
            same: 3,
        };
        let differences = vec![difference, cell("client 1, place"), cell("client 2, place")];
        let stories = vec![story("one", differences), story("two", vec![])];
        let variants = ["net.ipv4.tcp_syncookies=0", "net.ipv4.tcp_syncookies=1"];
        let claims = Compared { same: 1, ..Compared::default() };
        let compared = Comparison { stories, claims };
        let shown = comparison("backlog", variants, &compared, None);
        let expected = "
backlog, side by side

           what differs                           tcp_syncookies=0          tcp_syncookies=1
== one: it is played
  check    half-open connections that the kernel  ok: 6                     FAILED: 20, expected
           keeps of twenty                                                  5..6
  table    who is where
           client 1, place                        inside                    outside
           client 2, place                        inside                    outside
  the same in both: 3
== two: it is played
  nothing differs, of 3
claims
  nothing differs, of 1
";
        assert_eq!(shown, expected);
        for columns in [72, 80, 100] {
            let shown = comparison("backlog", variants, &compared, Some(columns));
            assert!(shown.lines().all(|line| line.width() <= columns), "{columns}\n{shown}");
        }
    }
}
