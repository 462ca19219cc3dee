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
    let columns = columns.unwrap_or(usize::MAX);
    let variants = variants.map(short);
    let mut out = format!("\n{demo}, side by side\n\n");
    if let Some(widths) = &widths {
        out.push_str(&row(INDENT, &["", "what differs", variants[0], variants[1]], widths));
    }
    let part = |compared: &Compared| {
        let differences = match &widths {
            Some(widths) => in_columns(&compared.differences, widths, columns),
            None => in_lines(&compared.differences, variants, columns),
        };
        differences + &same(compared)
    };
    for story in &comparison.stories {
        let words = format!("{}: {}", story.name, story.says);
        out.push_str(&hanging("== ", 3, &words, columns));
        out.push_str(&part(story));
    }
    out.push_str("claims\n");
    out.push_str(&part(&comparison.claims));
    out
}

/// How wide the kind, what differs and its two values are; none where there is no room for columns.
fn widths(columns: Option<usize>) -> Option<[usize; 4]> {
    let columns = columns.unwrap_or(WIDTH).min(WIDTH);
    let room = columns.checked_sub(INDENT + KIND_WIDTH + 3 * GAP)?;
    // A value is shorter than the words that say what it is.
    let value = room * 2 / 7;
    (columns >= LEAST_WIDTH).then_some([KIND_WIDTH, room - 2 * value, value, value])
}

fn in_columns(differences: &[Difference], widths: &[usize; 4], columns: usize) -> String {
    let mut out = String::new();
    let mut last_table = None;
    for Difference { kind, id, table, what, values: [a, b] } in differences {
        // Its cells are named by their rows and columns alone.
        if let Some(table) = table.as_ref().filter(|table| last_table != Some(*table)) {
            let first = format!("  {:<KIND_WIDTH$}  ", kind.word());
            out.push_str(&hanging(&first, first.width(), table, columns));
            last_table = Some(table);
        }
        let word = if table.is_some() { "" } else { kind.word() };
        out.push_str(&row(INDENT, &[word, &named(id.as_deref(), what), a, b], widths));
    }
    out
}

/// The same where there is no room for columns: what differs, and its two values below it.
fn in_lines(differences: &[Difference], variants: [&str; 2], columns: usize) -> String {
    let mut out = String::new();
    for Difference { kind, id, table, what, values } in differences {
        let of = table.as_ref().map(|table| format!("{table}: ")).unwrap_or_default();
        let words = format!("{}  {of}{}", kind.word(), named(id.as_deref(), what));
        out.push_str(&hanging("  ", 4, &words, columns));
        for (variant, value) in variants.iter().zip(values) {
            out.push_str(&hanging("    ", 6, &format!("{variant}: {value}"), columns));
        }
    }
    out
}

/// What differs, behind the letter of the claim where it is one.
fn named(id: Option<&str>, what: &str) -> String {
    match id {
        Some(id) if id.len() == 1 => format!("{id}  {what}"),
        _ => what.to_owned(),
    }
}

/// How much is the same in both.
fn same(compared: &Compared) -> String {
    let same = compared.same;
    match (compared.differences.is_empty(), same) {
        (_, 0) => String::new(),
        (true, _) => format!("  nothing differs, of {same}\n"),
        (false, _) => format!("  the same in both: {same}\n"),
    }
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
        for columns in [40, 60, 72, 80, 100] {
            let shown = comparison("backlog", variants, &compared, Some(columns));
            assert!(shown.lines().all(|line| line.width() <= columns), "{columns}\n{shown}");
        }
        let narrow = comparison("backlog", variants, &compared, Some(50));
        let expected = "== one: it is played
  check half-open connections that the kernel
    keeps of twenty
    tcp_syncookies=0: ok: 6
    tcp_syncookies=1: FAILED: 20, expected 5..6
  table  who is where: client 1, place
    tcp_syncookies=0: inside
    tcp_syncookies=1: outside
";
        assert!(narrow.contains(expected), "{narrow}");
    }
}
