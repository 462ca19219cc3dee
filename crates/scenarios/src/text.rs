//! The report for a person at a terminal.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::findings::{
    Check, Claim, CounterLine, KeptHost, Outcome, Series, SetUp, Story, Table, Tally, Verdict,
};
use crate::ladder;
use crate::look::{Colour, Diagram, Look};
use crate::wrap::{GAP, clip, hanging, pad, row, widths};

/// Columns of running text, where there are as many: longer lines are hard to read on.
const TEXT_WIDTH: usize = 96;

/// How many lines of a queue's history are shown, and of any other value's.
const QUEUE_LINES: usize = 24;

/// Columns of the longest bar of a series.
const BAR_WIDTH: usize = 40;

/// Columns before what a claim says, and before what a check says.
const INSIDE: usize = 16;
const BEFORE_CHECK: usize = 15;

/// Columns of the longest word that what a check says, expects or measured is not broken in, to stand beside
/// the others: a name of the kernel's has as many, and what a program said may have a thousand.
const CHECK_WORD: usize = 24;

/// Columns of the longest value of a check that a terminal shows: behind that, nobody reads on.
const CHECK_VALUE: usize = 240;

/// The fewest columns in which a check says what it is about, where that is longer.
const SAYS_WIDTH: usize = 12;

/// The fewest columns in which it is said why a check is skipped.
const WHY_WIDTH: usize = 20;

/// Columns of the longest bar of a queue.
const QUEUE_WIDTH: usize = 60;

/// Columns of a host's name and of a counter's: most are as long.
const HOST_WIDTH: usize = 8;
const COUNTER_WIDTH: usize = 28;

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
            Diagram::Ladder if ladder::fits(story, look.columns) => {
                out.extend(["\n", &ladder::draw(story, look)]);
            }
            Diagram::Ladder | Diagram::List => {
                out.extend(["\n", &ladder::list(story, look.columns)]);
            }
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
    out.push_str(&counters(story, look));
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
pub fn end(tally: Tally, seconds: f64, look: Look) -> String {
    let Tally { checks, failed, skipped } = tally;
    let good = checks - failed - skipped;
    let mut out = format!("{good} of {checks} checks as expected");
    if failed > 0 {
        let _ = write!(out, ", {failed} failed");
    }
    if skipped > 0 {
        let _ = write!(out, ", {skipped} skipped");
    }
    let _ = write!(out, ", in {seconds:.1} s");
    "\n".to_owned() + &whole("", 2, &out, look)
}

fn checks(checks: &[Check], look: Look) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let mut out = "\n  checks\n".to_owned();
    let shown: Vec<[String; 3]> = checks.iter().map(|check| cells(check, look)).collect();
    let is_skipped = |check: &Check| matches!(check.outcome, Outcome::Skipped(_));
    // Why a check is skipped stands across both columns, and takes no part in their widths.
    let rows = checks.iter().zip(&shown).map(|(check, row)| {
        let count = if is_skipped(check) { 1 } else { row.len() };
        row[..count].iter().map(String::as_str).collect()
    });
    let room = look.columns.map_or(usize::MAX, |columns| columns.saturating_sub(BEFORE_CHECK));
    let widths = widths(&rows.collect::<Vec<_>>(), room, CHECK_WORD);
    let is_readable = |first: usize| {
        first >= SAYS_WIDTH || checks.iter().all(|check| check.says.width() <= first)
    };
    let widths = widths.filter(|widths| widths.first().copied().is_some_and(is_readable));
    for (check, [says, expected, measured]) in checks.iter().zip(&shown) {
        let (colour, mark) = match &check.outcome {
            Outcome::Ok => (Colour::Green, "✓ ok     "),
            Outcome::Failed => (Colour::Red, "✗ FAILED "),
            Outcome::Skipped(_) => (Colour::Faint, "· skipped"),
        };
        let lines = match widths.as_deref() {
            Some([first, ..]) if is_skipped(check) && *first + GAP + WHY_WIDTH <= room => {
                row(BEFORE_CHECK, &[says, measured], &[*first, room - first - GAP])
            }
            Some(widths) if !is_skipped(check) => {
                row(BEFORE_CHECK, &[says, expected, measured], widths)
            }
            _ => one_below_the_other(&[says, expected, measured], look),
        };
        let mark = look.paint(colour, mark);
        // A check that says nothing has not even the blanks before it.
        let _ = write!(out, "    {mark}  {}", lines.get(BEFORE_CHECK..).unwrap_or("\n"));
    }
    out
}

/// What a check says, where there is no room for columns.
fn one_below_the_other(cells: &[&str], look: Look) -> String {
    let before = blank(BEFORE_CHECK);
    let cells = cells.iter().filter(|cell| !cell.is_empty());
    cells.map(|cell| whole(&before, BEFORE_CHECK + 2, cell, look)).collect()
}

/// What a check says, what it expects, and what was measured, or why it was not.
fn cells(check: &Check, look: Look) -> [String; 3] {
    // What goes to a file or to another program is whole.
    let most = if look.columns.is_some() { CHECK_VALUE } else { usize::MAX };
    let how = if check.computed { "computed" } else { "measured" };
    let (expected, measured) = match &check.outcome {
        Outcome::Skipped(why) => (String::new(), why.clone()),
        _ => (
            format!("expected {}", beginning(&check.expected, most)),
            format!("{how} {}", beginning(&check.measured, most)),
        ),
    };
    [check.says.clone(), expected, measured]
}

/// A value, or what it begins with and how long it is.
fn beginning(value: &str, most: usize) -> String {
    match value.width() {
        width if width <= most => value.to_owned(),
        _ => format!("{} ({} characters)", clip(value, most), value.chars().count()),
    }
}

/// A value over time: a bar for each change, the longest for the greatest.
fn series(series: &Series, look: Look) -> String {
    let mut out = "\n".to_owned();
    out.push_str(&whole("  ", 2, &format!("{} ({})", series.says, series.unit), look));
    let skipped = series.points.len().saturating_sub(QUEUE_LINES);
    if skipped > 0 {
        let _ = writeln!(out, "    … {skipped} earlier changes …");
    }
    let greatest = series.points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    for (at_ms, value) in &series.points[skipped..] {
        let share = if greatest > 0.0 { value / greatest } else { 0.0 };
        let words = format!("{at_ms:>10.3} ms  {value:>8}  ");
        out.push_str(&with_bar(&words, look, |room| {
            let longest = room.min(BAR_WIDTH) as f64;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=40")]
            let length = (share.clamp(0.0, 1.0) * longest).round() as usize;
            length
        }));
    }
    out
}

fn queue(story: &Story, look: Look) -> String {
    // Where nobody ever waited there is nothing to see.
    if story.queue.iter().all(|sample| sample.length == 0) {
        return String::new();
    }
    let says = "accept queue over time (Recv-Q and Send-Q of ss -ltn)";
    let mut out = "\n".to_owned() + &whole("  ", 2, says, look);
    let skipped = story.queue.len().saturating_sub(QUEUE_LINES);
    if skipped > 0 {
        let _ = writeln!(out, "    … {skipped} earlier changes …");
    }
    for sample in &story.queue[skipped..] {
        let (at_ms, length) = (sample.at_ms, sample.length);
        let words = format!("{at_ms:>10.3} ms  {length:>3} wait, backlog {}  ", sample.backlog);
        out.push_str(&with_bar(&words, look, |room| {
            usize::try_from(length).unwrap_or(usize::MAX).min(room).min(QUEUE_WIDTH)
        }));
    }
    out
}

/// A value in words and as a bar behind them, as long as `length` makes it of the room that there is.
fn with_bar(words: &str, look: Look, length: impl Fn(usize) -> usize) -> String {
    let room = look.columns.map_or(usize::MAX, |columns| columns.saturating_sub(4 + words.width()));
    let line = words.to_owned() + &"█".repeat(length(room));
    whole("    ", 6, line.trim_end(), look)
}

fn counters(story: &Story, look: Look) -> String {
    if story.counters.is_empty() {
        return String::new();
    }
    let mut out =
        "\n".to_owned() + &whole("  ", 2, "counters that moved (as nstat names them)", look);
    let moved = |CounterLine { before, after, .. }: &CounterLine| {
        format!("{before:>4} -> {after:<4} {:+}", after - before)
    };
    let line = |counter: &CounterLine| {
        let host = pad(&counter.host, HOST_WIDTH);
        let name = pad(&counter.name, COUNTER_WIDTH);
        format!("    {host} {name} {}\n", moved(counter))
    };
    let lines: Vec<String> = story.counters.iter().map(line).collect();
    let fits =
        |line: &String| look.columns.is_none_or(|columns| line.trim_end().width() <= columns);
    if lines.iter().all(fits) {
        return out + &lines.concat();
    }
    for counter in &story.counters {
        let name = format!("{} {}", counter.host, counter.name);
        out.push_str(&whole("    ", 6, &name, look));
        out.push_str(&whole("      ", 8, moved(counter).trim_start(), look));
    }
    out
}

fn table(table: &Table, columns: Option<usize>) -> String {
    let columns = columns.unwrap_or(usize::MAX);
    let rows: Vec<Vec<&str>> = [&table.columns]
        .into_iter()
        .chain(&table.rows)
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let mut out = "\n".to_owned() + &hanging("  ", 2, &table.says, columns);
    let in_columns = widths(&rows, columns.saturating_sub(4), usize::MAX);
    out.push_str(&match in_columns {
        Some(widths) => rows.iter().map(|cells| row(4, cells, &widths)).collect::<String>(),
        None => table.rows.iter().map(|row| cells_by_name(&table.columns, row, columns)).collect(),
    });
    out
}

/// A row of a table that has no room for its columns: each cell in a line, behind what its column is called.
fn cells_by_name(names: &[String], cells: &[String], columns: usize) -> String {
    let mut out = String::new();
    for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        // The first cell says what the row is about, and the others stand below it.
        let indent = if at == 0 { 4 } else { 6 };
        let line = match names.get(at).filter(|name| !name.is_empty()) {
            Some(name) => format!("{name}: {cell}"),
            None => cell.clone(),
        };
        out.push_str(&hanging(&blank(indent), indent + 2, &line, columns));
    }
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
    use super::*;
    use crate::findings::{Fate, PacketLine, QueueLine};
    use crate::glyphs::Glyphs;

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
        let count_words = |text: &str| {
            text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
        };
        for columns in [40, 60, 72, 80, 100, 140] {
            let shown = said(Some(columns));
            let widest = shown.lines().map(UnicodeWidthStr::width).max();
            assert!(widest.is_some_and(|widest| widest <= columns), "{columns}\n{shown}");
            assert_eq!(count_words(&shown), count_words(&said(None)));
        }
    }

    /// What programs say and what the network calls things may have no blank for very long.
    #[test]
    fn a_word_that_is_longer_than_a_line_is_broken_and_nothing_of_it_is_lost() {
        let address = |host: u32| format!("[2001:db8:85a3:8d3:1319:8a2e:370:{host:x}]:7878");
        let packet = |from: usize, sent_ms: f64, fate: Fate| PacketLine {
            number: 1,
            from,
            sent_ms,
            arrived_ms: None,
            who: "小明的客户端".into(),
            ports: (40_001, 7878),
            label: "SYN, ACK".into(),
            len: 100,
            retry: 2,
            fate,
            tcp: None,
        };
        let counter = |name: &str, before: i64| CounterLine {
            host: "receiver".into(),
            name: name.into(),
            before,
            after: before * 2,
        };
        let cells = |cells: [String; 3]| cells.to_vec();
        let long = Story {
            name: "families".into(),
            says: "x".repeat(150),
            belief: "很长".repeat(60),
            set_up: vec![format!("server: tcp-server {} {}", address(1), "/folder".repeat(20))],
            lifelines: vec![
                format!("client {}", address(0xfade)),
                format!("server {}", address(1)),
            ],
            packets: vec![
                packet(0, 0.0, Fate::Taken),
                packet(1, 90_000.5, Fate::DroppedByKernel("很长".repeat(50))),
                packet(0, 900_000.5, Fate::DroppedOnTheWire("a rule of many words ".repeat(9))),
            ],
            not_drawn: Some("packet".repeat(30)),
            queue: vec![
                QueueLine { at_ms: 0.5, length: 4, backlog: 4_000_000_000 },
                QueueLine { at_ms: 1e9, length: u32::MAX, backlog: u32::MAX },
            ],
            series: vec![Series {
                says: "y".repeat(100),
                unit: "bytes".into(),
                points: vec![(0.25, 1.0 / 3.0), (1e9, 1e30)],
            }],
            counters: vec![
                counter("TcpExtListenOverflows", 3),
                counter("TcpExtTCPReqQFullDoCookiesAndMore", 123_456_789),
                counter("UdpRcvbufErrors", -4_000_000_000_000),
            ],
            tables: vec![Table {
                says: "which addresses each of them has".into(),
                columns: ["", "what it binds", "what it is called"].map(str::to_owned).to_vec(),
                rows: vec![
                    cells(["client".into(), address(0xfade), "小明".repeat(30)]),
                    cells(["server".into(), address(1), String::new()]),
                ],
            }],
            explanation: vec!["z".repeat(200)],
            checks: vec![
                Check::equal("a", "what comes", "m".repeat(1024), "j".repeat(1024)),
                Check::equal("b", &address(7), address(7), address(7)),
                Check::skipped("c", "cannot be seen", &"一二三".repeat(40)),
            ],
            ..Story::default()
        };
        let claim = Claim {
            id: "a".into(),
            says: "w".repeat(120),
            verdict: Verdict::Refuted,
            because: vec!["a-check-of-a-name-that-is-very-long".into(); 3],
            instead: "v".repeat(120),
        };
        for columns in [40, 60, 72, 80, 100] {
            for diagram in [Diagram::Ladder, Diagram::List, Diagram::None] {
                let look = Look { columns: Some(columns), diagram, ..Look::default() };
                let drawn = story(&long, look)
                    + &claims(std::slice::from_ref(&claim), look)
                    + &theory(&["u/".repeat(70).as_str()], look);
                for glyphs in [Glyphs::Unicode, Glyphs::Stable, Glyphs::Ascii] {
                    let shown = glyphs.translate(&drawn);
                    let long = |line: &&str| {
                        let in_china = if glyphs == Glyphs::Unicode { 0 } else { line.width_cjk() };
                        line.width().max(in_china) > columns
                    };
                    let long: Vec<&str> = shown.lines().filter(long).collect();
                    assert!(long.is_empty(), "{columns} {diagram:?} {glyphs:?}: {long:#?}");
                }
                let count = |c: char| drawn.chars().filter(|drawn| *drawn == c).count();
                assert!(count('j') == CHECK_VALUE - 1 && count('z') == 200, "{drawn}");
                assert_eq!(count('三'), 40, "{drawn}");
            }
        }
    }

    #[test]
    fn a_table_that_has_no_room_for_its_columns_names_each_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let addresses = Table {
            says: "what each of them binds".into(),
            columns: row(["who", "address", "and what else is said of it"]),
            rows: vec![
                row(["client", "[fd00::a:0:0:1]:40001", "it is bound when it connects"]),
                row(["server", "[fd00::a:0:0:2]:7878", ""]),
            ],
        };
        let expected = "
  what each of them binds
    who: client
      address: [fd00::a:0:0:1]:40001
      and what else is said of it: it
        is bound when it connects
    who: server
      address: [fd00::a:0:0:2]:7878
";
        assert_eq!(table(&addresses, Some(40)), expected);
    }

    #[test]
    fn counters_that_have_no_room_beside_their_names_stand_below_them() {
        let counter = |host: &str, name: &str, before, after| CounterLine {
            host: host.into(),
            name: name.into(),
            before,
            after,
        };
        let counters_of = Story {
            counters: vec![
                counter("server", "TcpExtListenOverflows", 0, 2),
                counter("server", "TcpExtListenDrops", 1, 12),
            ],
            ..Story::default()
        };
        let within =
            |columns| counters(&counters_of, Look { columns: Some(columns), ..Look::default() });
        let expected = "
  counters that moved (as nstat names them)
    server   TcpExtListenOverflows           0 -> 2    +2
    server   TcpExtListenDrops               1 -> 12   +11
";
        assert_eq!(within(58), expected);
        let expected = "
  counters that moved (as nstat names
  them)
    server TcpExtListenOverflows
      0 -> 2    +2
    server TcpExtListenDrops
      1 -> 12   +11
";
        assert_eq!(within(40), expected);
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
        let expected = "
  checks
    ✗ FAILED   time until the client
                 tries again
               expected 1 s
               measured 2 s
    · skipped  cannot be seen
               no wire at level L2,
                 which has only one host
";
        assert_eq!(checks(&all, Look { columns: Some(42), ..Look::default() }), expected);
    }
}
