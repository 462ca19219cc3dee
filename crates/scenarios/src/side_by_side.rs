//! How are two runs laid side by side, and many in a table?

use unicode_width::UnicodeWidthStr as _;

use crate::compare::{Compared, Comparison, Difference};
use crate::findings::Tally;
use crate::summary::{Row, Unlike};
use crate::wrap::{GAP, hanging, pad, row};

/// Columns of two runs side by side, where there are as many, and the fewest that it is laid out for.
const WIDTH: usize = 100;
const LEAST_WIDTH: usize = 60;

/// Columns of the kind of what differs.
const KIND_WIDTH: usize = 7;

/// The fewest columns for the claims of a demo behind what it is and how it came out.
const CLAIMS_WIDTH: usize = 16;

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

/// Every demo that was played, one a line, in so many columns where that is known.
pub fn table(rows: &[Row], columns: Option<usize>) -> String {
    let columns = columns.unwrap_or(usize::MAX);
    let named = |row: &Row| match &row.variant {
        Some(variant) => format!("{} ({})", row.demo, short(variant)),
        None => row.demo.clone(),
    };
    let claims = |row: &Row| {
        let claims = row.claims.iter().map(|(id, verdict)| format!("{id} {verdict}"));
        claims.collect::<Vec<_>>().join(", ")
    };
    let width = rows.iter().map(|row| named(row).width()).max().unwrap_or_default().max(4);
    let heading = format!("{}  checks  failed  skipped     time  ", pad("demo", width));
    if columns < heading.width() + CLAIMS_WIDTH {
        return "\n".to_owned()
            + &rows
                .iter()
                .map(|row| in_words(row, &named(row), &claims(row), columns))
                .collect::<String>();
    }
    let mut out = format!("\n{heading}claims\n");
    for row in rows {
        let (tally, seconds) = (row.tally, row.seconds);
        let first = format!(
            "{}  {:>6}  {:>6}  {:>7}  {seconds:>5.1} s  ",
            pad(&named(row), width),
            tally.checks,
            tally.failed,
            tally.skipped
        );
        out.push_str(&hanging(&first, heading.width(), &claims(row), columns));
    }
    out
}

/// A demo that was played, where there is no room for columns.
fn in_words(row: &Row, name: &str, claims: &str, columns: usize) -> String {
    let Tally { checks, failed, skipped } = row.tally;
    let seconds = row.seconds;
    let counts = format!("{checks} checks, {failed} failed, {skipped} skipped, {seconds:.1} s");
    let mut out = hanging("", 2, &format!("{name}: {counts}"), columns);
    if !claims.is_empty() {
        out.push_str(&hanging("  ", 2, claims, columns));
    }
    out
}

/// Whether many times gave the same, in so many columns where that is known.
pub fn repeated(times: u32, unlike: &[Unlike], columns: Option<usize>) -> String {
    let columns = columns.unwrap_or(usize::MAX);
    if unlike.is_empty() {
        let words = format!("{times} times, each with the same verdicts");
        return "\n".to_owned() + &hanging("", 0, &words, columns);
    }
    let words = format!("{times} times, and not each with the same verdicts:");
    let mut out = "\n".to_owned() + &hanging("", 0, &words, columns);
    for Unlike { demo, what, seen } in unlike {
        out.push_str(&hanging("  ", 4, &format!("{demo}, {what}: {}", seen.join(", ")), columns));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Kind;
    use crate::findings::Verdict;

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

    #[test]
    fn demos_that_were_played_fit_into_every_terminal() {
        let row = |demo: &str, variant: Option<&str>| {
            let mut row = Row::new(demo, variant.map(str::to_owned));
            row.tally = Tally { checks: 152, failed: 10, skipped: 3 };
            row.seconds = 12.34;
            row.claims = ["k", "l", "r"].map(|id| (id.to_owned(), Verdict::Confirmed)).to_vec();
            row
        };
        let rows = [row("handshake", None), row("backlog", Some("net.ipv4.tcp_syncookies=1"))];
        let unlike = [Unlike {
            demo: "handshake".into(),
            what: "check a-check-of-a-long-name".into(),
            seen: vec!["failed".into(); 20],
        }];
        for columns in [40, 60, 72, 80, 100] {
            let shown = table(&rows, Some(columns))
                + &repeated(20, &unlike, Some(columns))
                + &repeated(20, &[], Some(columns));
            assert!(shown.lines().all(|line| line.width() <= columns), "{columns}\n{shown}");
        }
        let expected = "
handshake: 152 checks, 10 failed, 3
  skipped, 12.3 s
  k confirmed, l confirmed, r confirmed
";
        assert_eq!(table(&rows[..1], Some(40)), expected);
        let expected = "
demo       checks  failed  skipped     time  claims
handshake     152      10        3   12.3 s  k confirmed, l confirmed, r confirmed
";
        assert_eq!(table(&rows[..1], None), expected);
    }
}
