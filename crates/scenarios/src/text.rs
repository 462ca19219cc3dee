//! The report for a person at a terminal.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::findings::{
    Check, Claim, KeptHost, Outcome, Series, SetUp, Story, Table, Tally, Verdict,
};
use crate::ladder;
use crate::look::{Colour, Diagram, Look};

/// Columns of running text.
const TEXT_WIDTH: usize = 96;

/// How many lines of a queue's history are shown, and of any other value's.
const QUEUE_LINES: usize = 24;

/// Columns of the longest bar of a series.
const BAR_WIDTH: f64 = 40.0;

/// What stands before the first story. `place` is which of how many demos it is.
pub fn set_up(set_up: &SetUp, place: (usize, usize)) -> String {
    let SetUp { demo, question, level, level_words, kernel, seed } = set_up;
    let place = match place {
        (_, 1) => String::new(),
        (number, of) => format!("[{number}/{of}] "),
    };
    format!("{place}{demo}: {question}\n{kernel}, level {level} ({level_words}), seed {seed}\n")
}

/// The theory, a paragraph for each entry.
pub fn theory(explain: &[&str]) -> String {
    let mut out = "\nthe theory\n".to_owned();
    for paragraph in explain {
        // One that is wrapped reads on further in.
        for (at, line) in wrap(paragraph, "    ").lines().enumerate() {
            let _ = writeln!(out, "  {}{}", if at == 0 { "- " } else { "  " }, line.trim_start());
        }
    }
    out
}

/// A whole story.
pub fn story(story: &Story, look: Look) -> String {
    let mut out = format!("\n== {}: {}\n", story.name, story.says);
    let _ = writeln!(out, "   people say: {}", story.belief);
    for line in &story.set_up {
        let _ = writeln!(out, "   {line}");
    }
    if !story.packets.is_empty() {
        match look.diagram {
            Diagram::Ladder => out.extend(["\n", &ladder::draw(story)]),
            Diagram::List => out.extend(["\n", &ladder::list(story)]),
            Diagram::None => {}
        }
    }
    out.push_str(&queue(story));
    for series in &story.series {
        out.push_str(&self::series(series));
    }
    for table in &story.tables {
        out.push_str(&self::table(table));
    }
    out.push_str(&counters(story));
    if !story.explanation.is_empty() {
        out.push('\n');
    }
    for paragraph in &story.explanation {
        out.push_str(&wrap(paragraph, "  "));
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
        let _ = writeln!(out, "  {verdict}  {}  {}", claim.id, claim.says);
        out.push_str(&wrap(&claim.instead, "                "));
        let _ = writeln!(out, "                because of: {}", claim.because.join(", "));
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
    self::table(&table) + "    then, for example: ss -tan, nstat -az, sysctl net.ipv4\n"
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
    let width = |text: fn(&Check) -> &str| {
        checks.iter().map(|check| text(check).width()).max().unwrap_or(0)
    };
    let (says, expected) = (width(|c| &c.says), width(|c| &c.expected));
    for check in checks {
        let (colour, mark, measured) = match &check.outcome {
            Outcome::Ok => (Colour::Green, "✓ ok     ", how_known(check)),
            Outcome::Failed => (Colour::Red, "✗ FAILED ", how_known(check)),
            Outcome::Skipped(why) => (Colour::Faint, "· skipped", why.clone()),
        };
        let mark = look.paint(colour, mark);
        let _ = write!(out, "    {mark}  {}", pad(&check.says, says));
        if !matches!(check.outcome, Outcome::Skipped(_)) {
            let _ = write!(out, "  expected {}", pad(&check.expected, expected));
        }
        let _ = writeln!(out, "  {measured}");
    }
    out
}

fn how_known(check: &Check) -> String {
    let how = if check.computed { "computed" } else { "measured" };
    format!("{how} {}", check.measured)
}

/// A value over time: a bar for each change, the longest for the greatest.
fn series(series: &Series) -> String {
    let mut out = format!("\n  {} ({})\n", series.says, series.unit);
    let skipped = series.points.len().saturating_sub(QUEUE_LINES);
    if skipped > 0 {
        let _ = writeln!(out, "    … {skipped} earlier changes …");
    }
    let greatest = series.points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    for (at_ms, value) in &series.points[skipped..] {
        let share = if greatest > 0.0 { value / greatest } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=40")]
        let bar = "█".repeat((share.clamp(0.0, 1.0) * BAR_WIDTH).round() as usize);
        let _ = writeln!(out, "    {at_ms:>10.3} ms  {value:>8}  {bar}");
    }
    out
}

fn queue(story: &Story) -> String {
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
        let bar = "█".repeat(usize::try_from(sample.length).unwrap_or(usize::MAX).min(60));
        let _ = writeln!(
            out,
            "    {:>10.3} ms  {:>3} wait, backlog {}{}{bar}",
            sample.at_ms,
            sample.length,
            sample.backlog,
            if bar.is_empty() { "" } else { "  " }
        );
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

fn table(table: &Table) -> String {
    let mut out = format!("\n  {}\n", table.says);
    let all = || [&table.columns].into_iter().chain(&table.rows);
    let widest = |column: usize| all().filter_map(|row| row.get(column)).map(|c| c.width()).max();
    let widths: Vec<usize> =
        (0..table.columns.len()).map(|column| widest(column).unwrap_or_default()).collect();
    for row in all() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(c, width)| pad(c, *width)).collect();
        let _ = writeln!(out, "    {}", cells.join("  ").trim_end());
    }
    out
}

/// Fills a cell up to its column's width. A Chinese character takes two columns, which `format!` does not
/// know.
pub(crate) fn pad(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
}

/// A paragraph in lines that fit, each behind `indent`.
fn wrap(paragraph: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in paragraph.split_whitespace() {
        let columns = indent.len() + line.width() + 1 + word.width();
        if !line.is_empty() && columns > TEXT_WIDTH {
            let _ = writeln!(out, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{indent}{line}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let shown = series(&Series {
            says: "the queue".into(),
            unit: "half-open".into(),
            points: vec![(0.0, 0.0), (1.5, 2.0), (20.0, 8.0)],
        });
        let bars: Vec<usize> = shown.lines().map(|line| line.matches('█').count()).collect();
        assert_eq!(bars, [0, 0, 0, 10, 40], "{shown}");
        let computed = Check::equal("x", "the end", 1, 1).computed();
        assert!(checks(&[computed], Look::default()).contains("expected 1  computed 1"));
    }

    #[test]
    fn columns_stand_below_each_other_in_chinese_too() {
        let cells = |row: [&str; 2]| row.map(str::to_owned).to_vec();
        let shown = table(&Table {
            says: "x".into(),
            columns: cells(["who", "what"]),
            rows: vec![cells(["小明", "你好"]), cells(["alice", "hello"])],
        });
        assert_eq!(shown, "\n  x\n    who    what\n    小明   你好\n    alice  hello\n");
    }

    #[test]
    fn a_paragraph_is_wrapped_at_words() {
        let wrapped = wrap(&"word ".repeat(40), "  ");
        assert!(wrapped.lines().all(|line| line.chars().count() <= TEXT_WIDTH), "{wrapped}");
        assert_eq!(wrapped.split_whitespace().count(), 40);
    }
}
