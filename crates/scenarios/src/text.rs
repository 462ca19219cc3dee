//! The report for a person at a terminal.

use std::fmt::Write as _;

use crate::findings::{
    Check, Claim, KeptHost, Outcome, Series, SetUp, Story, Table, Tally, Verdict,
};
use crate::ladder;
use crate::look::{Colour, Diagram, Look};
use crate::wrap::{GAP, hanging, pad, row, widths};

/// Columns of running text, where there are as many: longer lines are hard to read on.
const TEXT_WIDTH: usize = 96;

/// How many lines of a queue's history are shown, and of any other value's.
const QUEUE_LINES: usize = 24;

/// Columns of the longest bar of a series, and of what stands before it.
const BAR_WIDTH: usize = 40;
const BEFORE_BAR: usize = 29;

/// Columns before what a claim says, and before what a check says.
const INSIDE: usize = 16;
const BEFORE_CHECK: usize = 15;

/// Columns of the longest bar of a queue.
const QUEUE_WIDTH: usize = 60;

/// What stands before the first story. `place` is which of how many demos it is.
pub fn set_up(set_up: &SetUp, place: (usize, usize), look: Look) -> String {
    let SetUp { demo, question, level, level_words, kernel, seed, options } = set_up;
    let place = match place {
        (_, 1) => String::new(),
        (number, of) => format!("[{number}/{of}] "),
    };
    let with = if options.is_empty() { String::new() } else { format!(", with {options}") };
    let words = format!("{kernel}, level {level} ({level_words}), seed {seed}{with}");
    [format!("{place}{demo}: {question}"), words].map(|line| whole("", 2, &line, look)).concat()
}

/// The theory, a paragraph for each entry.
pub fn theory(explain: &[&str], look: Look) -> String {
    let paragraphs = explain.iter().map(|text| hanging("  - ", 4, text, text_width(look)));
    "\nthe theory\n".to_owned() + &paragraphs.collect::<String>()
}

/// A whole story.
pub fn story(story: &Story, look: Look) -> String {
    let mut out = "\n".to_owned();
    out.push_str(&whole("== ", 3, &format!("{}: {}", story.name, story.says), look));
    if !story.belief.is_empty() {
        out.push_str(&whole("   people say: ", 5, &story.belief, look));
    }
    for line in &story.set_up {
        out.push_str(&whole("   ", 5, line, look));
    }
    if !story.packets.is_empty() {
        match look.diagram {
            Diagram::Ladder => out.extend(["\n", &ladder::draw(story, look)]),
            Diagram::List => out.extend(["\n", &ladder::list(story, look.columns)]),
            Diagram::None => {}
        }
    }
    out.push_str(&queue(story, look));
    for series in &story.series {
        out.push_str(&self::series(series, look));
    }
    for table in &story.tables {
        out.push_str(&self::table(table, look.columns));
    }
    out.push_str(&counters(story));
    if !story.explanation.is_empty() {
        out.push('\n');
    }
    for paragraph in &story.explanation {
        out.push_str(&hanging("  ", 2, paragraph, text_width(look)));
    }
    out.push_str(&checks(&story.checks, look));
    out
}

/// What stands after the last story.
pub fn claims(claims: &[Claim], look: Look) -> String {
    if claims.is_empty() {
        return String::new();
    }
    let mut out = "\nclaims\n".to_owned();
    for claim in claims {
        let colour = match claim.verdict {
            Verdict::Confirmed => Colour::Green,
            Verdict::Refuted | Verdict::Partly => Colour::Yellow,
            Verdict::Skipped => Colour::Faint,
        };
        let verdict = look.paint(colour, &format!("{:<9}", claim.verdict));
        let says = whole(&blank(INSIDE), INSIDE, &claim.says, look);
        let _ = write!(out, "  {verdict}  {}  {}", claim.id, &says[INSIDE..]);
        out.push_str(&hanging(&blank(INSIDE), INSIDE, &claim.instead, text_width(look)));
        let because = format!("because of: {}", claim.because.join(", "));
        out.push_str(&whole(&blank(INSIDE), INSIDE, &because, look));
    }
    out
}

/// The hosts that stay, with what one types in another terminal to be in them.
pub fn kept(hosts: &[KeptHost]) -> String {
    let cells = |host: &KeptHost| {
        let story = host.story.clone().unwrap_or_else(|| "not known".to_owned());
        vec![story, host.host.clone(), host.address.clone(), host.command.clone()]
    };
    let table = Table {
        says: "the hosts stay, until Enter or a signal; their programs have ended".into(),
        columns: ["story", "host", "address", "in another terminal, as the same user"]
            .map(str::to_owned)
            .to_vec(),
        rows: hosts.iter().map(cells).collect(),
    };
    // A command that is broken is hard to copy.
    self::table(&table, None) + "    then, for example: ss -tan, nstat -az, sysctl net.ipv4\n"
}

/// The last line.
pub fn end(tally: Tally, seconds: f64) -> String {
    let Tally { checks, failed, skipped } = tally;
    let good = checks - failed - skipped;
    let mut out = format!("\n{good} of {checks} checks as expected");
    if failed > 0 {
        let _ = write!(out, ", {failed} failed");
    }
    if skipped > 0 {
        let _ = write!(out, ", {skipped} skipped");
    }
    let _ = writeln!(out, ", in {seconds:.1} s");
    out
}

fn checks(checks: &[Check], look: Look) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let mut out = "\n  checks\n".to_owned();
    let shown: Vec<[String; 3]> = checks.iter().map(cells).collect();
    let is_skipped = |check: &Check| matches!(check.outcome, Outcome::Skipped(_));
    // Why a check is skipped stands across both columns, and takes no part in their widths.
    let rows = checks.iter().zip(&shown).map(|(check, row)| {
        let count = if is_skipped(check) { 1 } else { row.len() };
        row[..count].iter().map(String::as_str).collect()
    });
    let room = look.columns.map(|columns| columns.saturating_sub(BEFORE_CHECK));
    let mut widths = widths(&rows.collect::<Vec<_>>(), room);
    widths.resize(3, 0);
    let across = room.map_or(usize::MAX, |room| room.saturating_sub(widths[0] + GAP));
    for (check, [says, expected, measured]) in checks.iter().zip(&shown) {
        let (colour, mark) = match &check.outcome {
            Outcome::Ok => (Colour::Green, "✓ ok     "),
            Outcome::Failed => (Colour::Red, "✗ FAILED "),
            Outcome::Skipped(_) => (Colour::Faint, "· skipped"),
        };
        let lines = if is_skipped(check) {
            row(BEFORE_CHECK, &[says, measured], &[widths[0], across])
        } else {
            row(BEFORE_CHECK, &[says, expected, measured], &widths)
        };
        let mark = look.paint(colour, mark);
        // A check that says nothing has not even the blanks before it.
        let _ = write!(out, "    {mark}  {}", lines.get(BEFORE_CHECK..).unwrap_or("\n"));
    }
    out
}

/// What a check says, what it expects, and what was measured, or why it was not.
fn cells(check: &Check) -> [String; 3] {
    let (expected, measured) = match &check.outcome {
        Outcome::Skipped(why) => (String::new(), why.clone()),
        _ => (format!("expected {}", check.expected), how_known(check)),
    };
    [check.says.clone(), expected, measured]
}

fn how_known(check: &Check) -> String {
    let how = if check.computed { "computed" } else { "measured" };
    format!("{how} {}", check.measured)
}

/// A value over time: a bar for each change, the longest for the greatest.
fn series(series: &Series, look: Look) -> String {
    let room = look.columns.map_or(BAR_WIDTH, |columns| columns.saturating_sub(BEFORE_BAR));
    let longest = room.min(BAR_WIDTH) as f64;
    let mut out = "\n".to_owned();
    out.push_str(&whole("  ", 2, &format!("{} ({})", series.says, series.unit), look));
    let skipped = series.points.len().saturating_sub(QUEUE_LINES);
    if skipped > 0 {
        let _ = writeln!(out, "    … {skipped} earlier changes …");
    }
    let greatest = series.points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    for (at_ms, value) in &series.points[skipped..] {
        let share = if greatest > 0.0 { value / greatest } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=40")]
        let bar = "█".repeat((share.clamp(0.0, 1.0) * longest).round() as usize);
        let _ = writeln!(out, "    {at_ms:>10.3} ms  {value:>8}  {bar}");
    }
    out
}

fn queue(story: &Story, look: Look) -> String {
    // Where nobody ever waited there is nothing to see.
    if story.queue.iter().all(|sample| sample.length == 0) {
        return String::new();
    }
    let mut out = "\n  accept queue over time (Recv-Q and Send-Q of ss -ltn)\n".to_owned();
    let skipped = story.queue.len().saturating_sub(QUEUE_LINES);
    if skipped > 0 {
        let _ = writeln!(out, "    … {skipped} earlier changes …");
    }
    for sample in &story.queue[skipped..] {
        let (at_ms, length) = (sample.at_ms, sample.length);
        let words = format!("    {at_ms:>10.3} ms  {length:>3} wait, backlog {}  ", sample.backlog);
        let room = look.columns.map_or(QUEUE_WIDTH, |columns| columns.saturating_sub(words.len()));
        let longest = room.min(QUEUE_WIDTH);
        let bar = "█".repeat(usize::try_from(length).unwrap_or(usize::MAX).min(longest));
        let _ = writeln!(out, "{}", (words + &bar).trim_end());
    }
    out
}

fn counters(story: &Story) -> String {
    if story.counters.is_empty() {
        return String::new();
    }
    let mut out = "\n  counters that moved (as nstat names them)\n".to_owned();
    for counter in &story.counters {
        let delta = counter.after - counter.before;
        let _ = writeln!(
            out,
            "    {} {} {:>4} -> {:<4} {delta:+}",
            pad(&counter.host, 8),
            pad(&counter.name, 28),
            counter.before,
            counter.after
        );
    }
    out
}

fn table(table: &Table, columns: Option<usize>) -> String {
    let rows: Vec<Vec<&str>> = [&table.columns]
        .into_iter()
        .chain(&table.rows)
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let widths = widths(&rows, columns.map(|columns| columns.saturating_sub(4)));
    let mut out = "\n".to_owned();
    out.push_str(&hanging("  ", 2, &table.says, columns.unwrap_or(usize::MAX)));
    out.extend(rows.iter().map(|cells| row(4, cells, &widths)));
    out
}

/// A line that is broken only where it does not fit.
fn whole(first: &str, further: usize, text: &str, look: Look) -> String {
    hanging(first, further, text, look.columns.unwrap_or(usize::MAX))
}

fn text_width(look: Look) -> usize {
    look.columns.map_or(TEXT_WIDTH, |columns| columns.min(TEXT_WIDTH))
}

fn blank(columns: usize) -> String {
    " ".repeat(columns)
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::findings::QueueLine;

    #[test]
    fn checks_stand_in_columns_and_a_skipped_one_says_why() {
        let all = [
            Check::equal("a", "short", 6, 6),
            Check::equal("b", "somewhat longer", 12, 7),
            Check::skipped("c", "cannot be seen", "no wire at level L2"),
            Check::equal("d", "two columns each", "你好", "你"),
        ];
        let shown = checks(&all, Look::default());
        let expected = "
  checks
    ✓ ok       short             expected 6     measured 6
    ✗ FAILED   somewhat longer   expected 12    measured 7
    · skipped  cannot be seen    no wire at level L2
    ✗ FAILED   two columns each  expected 你好  measured 你
";
        assert_eq!(shown, expected);
        let coloured = checks(&all, Look { colour: true, ..Look::default() });
        assert!(coloured.contains("\u{1b}[32m✓ ok     \u{1b}[0m  short"), "{coloured}");
        assert!(coloured.contains("\u{1b}[31m✗ FAILED \u{1b}[0m  somewhat"), "{coloured}");
    }

    #[test]
    fn the_longest_bar_is_the_greatest_value() {
        let shown = series(
            &Series {
                says: "the queue".into(),
                unit: "half-open".into(),
                points: vec![(0.0, 0.0), (1.5, 2.0), (20.0, 8.0)],
            },
            Look::default(),
        );
        let bars: Vec<usize> = shown.lines().map(|line| line.matches('█').count()).collect();
        assert_eq!(bars, [0, 0, 0, 10, 40], "{shown}");
        let computed = Check::equal("x", "the end", 1, 1).computed();
        assert!(checks(&[computed], Look::default()).contains("expected 1  computed 1"));
    }

    #[test]
    fn columns_stand_below_each_other_in_chinese_too() {
        let cells = |row: [&str; 2]| row.map(str::to_owned).to_vec();
        let shown = table(
            &Table {
                says: "x".into(),
                columns: cells(["who", "what"]),
                rows: vec![cells(["小明", "你好"]), cells(["alice", "hello"])],
            },
            None,
        );
        assert_eq!(shown, "\n  x\n    who    what\n    小明   你好\n    alice  hello\n");
    }

    /// A terminal would break them in the middle of a word, and what stands in columns with them.
    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        let words = "as many words as no terminal of these has room for: ".repeat(3);
        let mut check = Check::equal("a", &words, "some words", "some other words");
        check.id = "a-check-of-a-long-name".into();
        let long = Story {
            name: "long".into(),
            says: words.clone(),
            belief: words.clone(),
            set_up: vec![words.clone()],
            queue: vec![QueueLine { at_ms: 0.0, length: 4000, backlog: 4096 }],
            series: vec![Series {
                says: words.clone(),
                unit: "half-open".into(),
                points: vec![(0.0, 2.0)],
            }],
            tables: vec![Table {
                says: words.clone(),
                columns: ["who", "what", "why"].map(str::to_owned).to_vec(),
                rows: vec![vec!["小明".into(), words.clone(), words.clone()]],
            }],
            explanation: vec![words.clone()],
            checks: vec![check, Check::skipped("b", &words, &words)],
            ..Story::default()
        };
        let claim = Claim {
            id: "a".into(),
            says: words.clone(),
            verdict: Verdict::Partly,
            because: vec!["a-check-of-a-long-name".into(); 8],
            instead: words.clone(),
        };
        let said = |columns| {
            let look = Look { columns, ..Look::default() };
            story(&long, look)
                + &claims(std::slice::from_ref(&claim), look)
                + &theory(&[&words], look)
        };
        let count_words = |text: &str| text.split_whitespace().count();
        for columns in [60, 72, 80, 100, 140] {
            let shown = said(Some(columns));
            let widest = shown.lines().map(UnicodeWidthStr::width).max();
            assert!(widest.is_some_and(|widest| widest <= columns), "{columns}\n{shown}");
            assert_eq!(count_words(&shown), count_words(&said(None)));
        }
    }

    #[test]
    fn what_has_no_room_in_a_column_goes_on_below_it() {
        let all = [
            Check::equal("a", "time until the client tries again", "1 s", "2 s"),
            Check::skipped("b", "cannot be seen", "no wire at level L2, which has only one host"),
        ];
        let expected = "
  checks
    ✗ FAILED   time until     expected 1 s  measured 2 s
               the client
               tries again
    · skipped  cannot be      no wire at level L2, which
               seen           has only one host
";
        assert_eq!(checks(&all, Look { columns: Some(56), ..Look::default() }), expected);
    }
}
