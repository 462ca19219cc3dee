//! How are two runs laid side by side, and many in a table?

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::compare::{Compared, Comparison, Difference};
use crate::summary::{Row, Unlike};

/// The most columns of what differs, and of each of its two values: together with the kind they fit into
/// 100 columns.
const WHAT_WIDTH: usize = 40;
const VALUE_WIDTH: usize = 24;

/// Two runs, side by side.
pub fn comparison(demo: &str, variants: [&str; 2], comparison: &Comparison) -> String {
    let [a, b] = variants.map(short);
    let mut out = format!("\n{demo}, side by side\n\n");
    let heading = ["", "what differs", a, b].map(str::to_owned);
    out.push_str(&line(&heading));
    for story in &comparison.stories {
        let _ = writeln!(out, "== {}: {}", story.name, story.says);
        out.push_str(&part(story));
    }
    out.push_str("claims\n");
    out.push_str(&part(&comparison.claims));
    out
}

fn part(compared: &Compared) -> String {
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
        out.push_str(&line(&[word.to_owned(), what, a.clone(), b.clone()]));
    }
    let same = compared.same;
    let _ = match (compared.differences.is_empty(), same) {
        (_, 0) => Ok(()),
        (true, _) => writeln!(out, "  nothing differs, of {same}"),
        (false, _) => writeln!(out, "  the same in both: {same}"),
    };
    out
}

/// One row, in as many lines as its longest cell needs.
fn line(cells: &[String; 4]) -> String {
    let widths = [7, WHAT_WIDTH, VALUE_WIDTH, VALUE_WIDTH];
    let mut out = String::new();
    let cells: Vec<Vec<String>> =
        cells.iter().zip(widths).map(|(cell, width)| wrap(cell, width)).collect();
    let lines = cells.iter().map(Vec::len).max().unwrap_or_default();
    for at in 0..lines {
        let shown = cells.iter().zip(widths).map(|(cell, width)| {
            let text = cell.get(at).map_or("", String::as_str);
            format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
        });
        let shown: Vec<String> = shown.collect();
        let _ = writeln!(out, "  {}", shown.join("  ").trim_end());
    }
    out
}

/// The words of a cell in lines that fit; a word that is too long has a line of its own.
fn wrap(cell: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in cell.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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
        let shown = comparison("backlog", variants, &Comparison { stories, claims });
        let expected = "
backlog, side by side

           what differs                              tcp_syncookies=0          tcp_syncookies=1
== one: it is played
  check    half-open connections that the kernel     ok: 6                     FAILED: 20, expected
           keeps of twenty                                                     5..6
  table    who is where
           client 1, place                           inside                    outside
           client 2, place                           inside                    outside
  the same in both: 3
== two: it is played
  nothing differs, of 3
claims
  nothing differs, of 1
";
        assert_eq!(shown, expected);
    }
}
