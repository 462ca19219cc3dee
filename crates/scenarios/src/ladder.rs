//! The ladder: packets between two lifelines, drawn from both ends of the wire.
//!
//! A cross at the receiver's line is a packet that arrived and that the kernel dropped; a cross in the
//! middle is one that never arrived.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::findings::{Fate, PacketLine, Story};
use crate::look::Look;
use crate::wrap::{GAP, clip, hanging, lines, pad};

/// Columns between the two lifelines.
const WIDTH: usize = 40;

/// A silence longer than this gets a line of its own.
pub(crate) const LONG_GAP_MS: f64 = 50.0;

/// More packets than this are folded to the first and the last [`SHOWN_AT_EACH_END`].
const FOLD_ABOVE: usize = 60;

/// How many packets stay at each end of a ladder that is folded.
const SHOWN_AT_EACH_END: usize = 20;

/// How far past the middle the arrow of a lost packet comes: it has room for `PSH, ACK 100 B (retry 1)`.
const LOST_AFTER: usize = 12;

/// Of how many connections it is known which is which.
const MAX_CONNECTIONS: usize = 64;

/// Columns before the first lifeline.
const MARGIN: usize = 24;

/// Columns up to and with the second lifeline.
const WHOLE: usize = MARGIN + 1 + WIDTH + 1;

/// Times before this one have room in their column: a little less than 17 minutes.
const TIMES_MS: f64 = 1e6;

/// Whether the packets of a story can be drawn in so many columns, where that is known.
pub fn fits(story: &Story, columns: Option<usize>) -> bool {
    let Some(columns) = columns else { return true };
    let has_room = story.lifelines.iter().all(|name| MARGIN + name.width() <= columns);
    let is_long = story.packets.iter().any(|packet| packet.sent_ms >= TIMES_MS);
    columns >= WHOLE && has_room && !is_long
}

/// Draws the packets of a story, in so many columns where that is known: what became of a packet stands
/// below its arrow then, if there is no room for it behind. Where there are colours and several connections,
/// each has one.
pub fn draw(story: &Story, look: Look) -> String {
    let mut out = String::new();
    let [left, right] = &story.lifelines[..] else { return out };
    let columns = look.columns.unwrap_or(usize::MAX);
    let connections = connections(story);
    // The name of the right one begins at its line, or as far before it as it must to end in time; where the
    // other one is in its way, below that.
    let at_right = (WHOLE - 1).min(columns.saturating_sub(right.width()));
    let heading = format!("{:>10}  {:<12}{left}", "ms", "who");
    let behind = at_right.max(heading.width() + GAP);
    let _ = if behind.saturating_add(right.width()) <= columns {
        writeln!(out, "{}{right}", pad(&heading, behind))
    } else {
        writeln!(out, "{heading}\n{}{right}", " ".repeat(at_right))
    };
    let packets = &story.packets;
    let folded = packets.len() > FOLD_ABOVE;
    for (index, packet) in packets.iter().enumerate() {
        if folded && index == SHOWN_AT_EACH_END {
            let left_out = packets.len() - 2 * SHOWN_AT_EACH_END;
            let _ = writeln!(out, "{:MARGIN$}… {left_out} more packets …", "");
        }
        if folded && (SHOWN_AT_EACH_END..packets.len() - SHOWN_AT_EACH_END).contains(&index) {
            continue;
        }
        if let Some(gap_ms) = silence_before(packets, index) {
            let gap = format!("+{gap_ms:.0} ms");
            let _ = writeln!(out, "{:MARGIN$}┆{gap:^WIDTH$}┆", "");
        }
        let who = pad(&clip(&packet.who, 11), 12);
        let place = connections.iter().position(|known| *known == connection(packet));
        let place = place.filter(|_| connections.len() > 1);
        let paint = |words: &str| match place {
            Some(place) => look.paint_one_of(place, words),
            None => words.to_owned(),
        };
        let [at_left, between, at_right] = arrow(packet);
        let (who, between) = (paint(&who), paint(&between));
        let _ = write!(out, "{:>10.3}  {who}{at_left}{between}{at_right}", packet.sent_ms);
        let _ = match why(packet) {
            None => writeln!(out),
            Some(why) if WHOLE + 1 + why.width() <= columns => writeln!(out, " {why}"),
            Some(why) => writeln!(out, "\n{}", between_the_lines(why)),
        };
    }
    if let Some(not_drawn) = &story.not_drawn {
        let text = format!("not drawn: {not_drawn}");
        out.push_str(&hanging(&" ".repeat(MARGIN), MARGIN + 2, &text, columns));
    }
    out
}

/// How long nobody had sent anything when this packet was sent, where that is worth to be written out. From
/// sending to sending: that is the difference of the times that stand beside the packets.
pub(crate) fn silence_before(packets: &[PacketLine], index: usize) -> Option<f64> {
    let before = packets.get(index.checked_sub(1)?)?;
    let gap_ms = packets.get(index)?.sent_ms - before.sent_ms;
    (gap_ms > LONG_GAP_MS).then_some(gap_ms)
}

/// Words that have no room behind an arrow, in the middle below it.
fn between_the_lines(words: &str) -> String {
    let lines = lines(words, WIDTH - 2).into_iter().map(|line| {
        let before = " ".repeat(WIDTH.saturating_sub(line.width()) / 2);
        format!("{:MARGIN$}│{}│", "", pad(&(before + &line), WIDTH))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The packets in words, one a line, and in more lines where so many columns are too few.
pub fn list(story: &Story, columns: Option<usize>) -> String {
    let mut out = String::new();
    let columns = columns.unwrap_or(usize::MAX);
    let [left, right] = &story.lifelines[..] else { return out };
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let (left, right) = (name(left), name(right));
    let packets = &story.packets;
    let folded = packets.len() > FOLD_ABOVE;
    for (index, packet) in packets.iter().enumerate() {
        if folded && index == SHOWN_AT_EACH_END {
            let _ = writeln!(out, "… {} more packets …", packets.len() - 2 * SHOWN_AT_EACH_END);
        }
        if folded && (SHOWN_AT_EACH_END..packets.len() - SHOWN_AT_EACH_END).contains(&index) {
            continue;
        }
        let (from, to) = if packet.from == 0 { (&left, &right) } else { (&right, &left) };
        let became = match &packet.fate {
            Fate::Taken => String::new(),
            Fate::OnTheWay => ", on the way".to_owned(),
            Fate::DroppedOnTheWire(rule) => format!(", lost on the wire: {rule}"),
            Fate::DroppedByKernel(why) => format!(", dropped by the kernel: {why}"),
        };
        let (ms, who, label) = (packet.sent_ms, &packet.who, describe(packet));
        let words = format!("{ms:.3} ms  {from} > {to}  {who}  {label}{became}");
        out.push_str(&hanging("", 2, &words, columns));
    }
    if let Some(not_drawn) = &story.not_drawn {
        out.push_str(&hanging("", 2, &format!("not drawn: {not_drawn}"), columns));
    }
    out
}

/// The talker and the two ports of a packet.
fn connection(packet: &PacketLine) -> (&str, u16, u16) {
    let (a, b) = packet.ports;
    (&packet.who, a.min(b), a.max(b))
}

/// The connections of a story, in the order in which they come.
fn connections(story: &Story) -> Vec<(&str, u16, u16)> {
    let mut connections = Vec::new();
    for connection in story.packets.iter().map(connection) {
        // A flood has thousands, and the colours begin anew long before.
        if connections.len() < MAX_CONNECTIONS && !connections.contains(&connection) {
            connections.push(connection);
        }
    }
    connections
}

/// One packet as an arrow, between the two lifelines.
fn arrow(packet: &PacketLine) -> [String; 3] {
    let label = describe(packet);
    let rightwards = packet.from == 0;
    // How far the arrow comes: to the middle where the packet never arrives.
    let lost = matches!(packet.fate, Fate::DroppedOnTheWire(_));
    let reach = if lost { WIDTH / 2 + LOST_AFTER } else { WIDTH };
    let tip = match (&packet.fate, rightwards) {
        (Fate::DroppedOnTheWire(_), _) => '✗',
        (Fate::OnTheWay, _) => '…',
        (_, true) => '►',
        (_, false) => '◄',
    };
    let body = reach - 1;
    let label = clip(&label, body - 6);
    let lead = "───";
    let rest = "─".repeat(body.saturating_sub(label.width() + 5));
    let gap = " ".repeat(WIDTH - reach);
    let line = if rightwards {
        format!("{lead} {label} {rest}{tip}{gap}")
    } else {
        format!("{gap}{tip}{rest} {label} {lead}")
    };
    let (mut at_left, mut at_right) = ('│', '│');
    if let Fate::DroppedByKernel(_) = &packet.fate {
        *(if rightwards { &mut at_right } else { &mut at_left }) = '✗';
    }
    [at_left.to_string(), line, at_right.to_string()]
}

/// Why a packet did not come to its receiver.
fn why(packet: &PacketLine) -> Option<&str> {
    match &packet.fate {
        Fate::Taken | Fate::OnTheWay => None,
        Fate::DroppedOnTheWire(why) | Fate::DroppedByKernel(why) => Some(why),
    }
}

fn describe(packet: &PacketLine) -> String {
    let mut label = packet.label.clone();
    if packet.len > 0 {
        let _ = write!(label, " {} B", packet.len);
    }
    if packet.retry > 0 {
        let _ = write!(label, " (retry {})", packet.retry);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyphs::Glyphs;

    fn packet(from: usize, sent_ms: f64, label: &str, retry: u32, fate: Fate) -> PacketLine {
        PacketLine {
            number: 1,
            from,
            sent_ms,
            arrived_ms: None,
            who: "client 8".into(),
            ports: (40_001, 7878),
            label: label.into(),
            len: 0,
            retry,
            fate,
            tcp: None,
        }
    }

    fn within(columns: usize) -> Look {
        Look { columns: Some(columns), ..Look::default() }
    }

    #[test]
    fn each_of_several_connections_has_a_colour() {
        let of = |who: &str, port| PacketLine {
            who: who.into(),
            ports: (port, 7878),
            ..packet(0, 0.0, "SYN", 0, Fate::Taken)
        };
        let back = PacketLine { ports: (7878, 1), from: 1, ..of("alice", 1) };
        let drawn = |packets: Vec<PacketLine>, colour| {
            let lifelines = vec!["a".into(), "b".into()];
            let story = Story { lifelines, packets, ..Story::default() };
            draw(&story, Look { colour, ..Look::default() })
        };
        let all = vec![of("alice", 1), of("bob", 2), back];
        let coloured = drawn(all.clone(), true);
        let colours: Vec<&str> = coloured
            .lines()
            .filter_map(|line| line.split_once("\u{1b}[")?.1.split_once('m'))
            .map(|(code, _)| code)
            .collect();
        assert_eq!(colours, ["36", "35", "36"], "{coloured}");
        assert_eq!(
            coloured.replace("\u{1b}[36m", "").replace("\u{1b}[35m", "").replace("\u{1b}[0m", ""),
            drawn(all.clone(), false)
        );
        assert!(
            !drawn(all[..1].to_vec(), true).contains('\u{1b}'),
            "there is nothing to tell apart"
        );
    }

    #[test]
    fn a_cross_is_at_the_receivers_line_or_in_the_middle() {
        let story = Story {
            lifelines: vec!["client 10.0.0.1".into(), "server 10.0.0.2".into()],
            packets: vec![
                packet(0, 0.0, "SYN", 0, Fate::Taken),
                packet(1, 0.023, "SYN, ACK", 0, Fate::Taken),
                packet(0, 321.286, "SYN", 0, Fate::DroppedByKernel("no reply (queue full)".into())),
                packet(0, 1341.1, "SYN", 1, Fate::DroppedOnTheWire("cable cut".into())),
                packet(1, 1342.0, "FIN, ACK", 0, Fate::DroppedOnTheWire("cable cut".into())),
            ],
            ..Story::default()
        };
        let expected = [
            "        ms  who         client 10.0.0.1                          server 10.0.0.2",
            "     0.000  client 8    │─── SYN ───────────────────────────────►│",
            "     0.023  client 8    │◄────────────────────────── SYN, ACK ───│",
            "                        ┆                +321 ms                 ┆",
            "   321.286  client 8    │─── SYN ───────────────────────────────►✗ no reply (queue full)",
            "                        ┆                +1020 ms                ┆",
            "  1341.100  client 8    │─── SYN (retry 1) ─────────────✗        │ cable cut",
            "  1342.000  client 8    │        ✗────────────────── FIN, ACK ───│ cable cut",
        ];
        assert_eq!(draw(&story, Look::default()).lines().collect::<Vec<_>>(), expected);
    }

    /// Nothing is left to the terminal, which would break a word, and a name could look like another packet.
    #[test]
    fn what_has_no_room_behind_the_arrows_stands_below_them() {
        let story = Story {
            lifelines: vec!["client 10.0.0.1".into(), "server 10.0.0.2:7878".into()],
            packets: vec![
                packet(0, 0.0, "SYN", 0, Fate::DroppedByKernel("no reply: queue full".into())),
                packet(0, 1.0, "SYN", 1, Fate::DroppedOnTheWire("cable cut".into())),
            ],
            not_drawn: Some("22 packets of the other client".into()),
            ..Story::default()
        };
        let expected = [
            "        ms  who         client 10.0.0.1                     server 10.0.0.2:7878",
            "     0.000  client 8    │─── SYN ───────────────────────────────►✗",
            "                        │          no reply: queue full          │",
            "     1.000  client 8    │─── SYN (retry 1) ─────────────✗        │ cable cut",
            "                        not drawn: 22 packets of the other client",
        ];
        assert_eq!(draw(&story, within(80)).lines().collect::<Vec<_>>(), expected);
        for columns in [66, 72, 80, 100] {
            assert!(fits(&story, Some(columns)));
            let drawn = draw(&story, within(columns));
            assert!(drawn.lines().all(|line| line.width() <= columns), "{columns}\n{drawn}");
        }
        assert!(!fits(&story, Some(65)));
        let listed = list(&story, Some(30));
        assert!(listed.lines().all(|line| line.width() <= 30), "{listed}");
    }

    /// An address of IPv6 with its port may take half of a terminal.
    #[test]
    fn names_that_have_no_room_beside_each_other_stand_below_each_other() {
        let lifelines = ["client 2001:db8::10:0:0:1", "server [2001:db8::10:0:0:2]:7878"];
        let story = Story {
            lifelines: lifelines.map(str::to_owned).to_vec(),
            packets: vec![packet(0, 0.0, "SYN", 0, Fate::Taken)],
            ..Story::default()
        };
        let expected = [
            "        ms  who         client 2001:db8::10:0:0:1",
            "                                                server [2001:db8::10:0:0:2]:7878",
            "     0.000  client 8    │─── SYN ───────────────────────────────►│",
        ];
        assert_eq!(draw(&story, within(80)).lines().collect::<Vec<_>>(), expected);
        let drawn = draw(&story, within(83));
        let heading = drawn.lines().next();
        assert_eq!(heading.map(str::len), Some(83), "{drawn}");
        assert!(fits(&story, Some(66)));
        let long = Story { lifelines: vec!["a".repeat(50), "b".into()], ..story };
        assert!(fits(&long, Some(74)) && !fits(&long, Some(73)));
    }

    #[test]
    fn a_long_ladder_is_folded_and_says_how_much() {
        let packets =
            (0..100).map(|n| packet(0, f64::from(n), "SYN", 0, Fate::Taken)).collect::<Vec<_>>();
        let story = Story { lifelines: vec!["a".into(), "b".into()], packets, ..Story::default() };
        let drawn = draw(&story, Look::default());
        assert_eq!(drawn.lines().count(), 1 + 2 * SHOWN_AT_EACH_END + 1);
        assert!(drawn.contains("60 more packets"), "{drawn}");
    }

    /// In a terminal of China, Japan or Korea, too, every row is as wide as the others.
    #[test]
    fn rows_are_of_equal_width_in_every_terminal() {
        let named = |who: &str, label: &str| PacketLine {
            who: who.into(),
            ..packet(0, 0.5, label, 0, Fate::Taken)
        };
        let story = Story {
            lifelines: vec!["小明 10.0.0.1".into(), "server".into()],
            packets: vec![
                named("alice", "SYN"),
                named("小明", "你好"),
                named("一二三四五六七八", "SYN"),
                packet(1, 0.7, &"很长".repeat(20), 3, Fate::Taken),
                packet(0, 400.0, "SYN", 0, Fate::DroppedOnTheWire(String::new())),
            ],
            ..Story::default()
        };
        let drawn = draw(&story, Look::default());
        for glyphs in [Glyphs::Unicode, Glyphs::Stable, Glyphs::Ascii] {
            let shown = glyphs.translate(&drawn);
            let rows: Vec<usize> =
                shown.lines().skip(1).map(|row| row.trim_end().width()).collect();
            assert!(rows.iter().all(|width| *width == rows[0]), "{rows:?}\n{shown}");
        }
        for glyphs in [Glyphs::Stable, Glyphs::Ascii] {
            let shown = glyphs.translate(&drawn);
            assert_eq!(shown.width_cjk(), shown.width(), "{shown}");
        }
    }

    #[test]
    fn a_list_says_in_words_what_the_ladder_draws() {
        let story = Story {
            lifelines: vec!["client 10.0.0.1".into(), "server 10.0.0.2".into()],
            packets: vec![
                packet(1, 0.023, "SYN, ACK", 1, Fate::Taken),
                packet(0, 1.0, "SYN", 0, Fate::DroppedByKernel("queue full".into())),
            ],
            ..Story::default()
        };
        let expected = "0.023 ms  server > client  client 8  SYN, ACK (retry 1)\n\
                        1.000 ms  client > server  client 8  SYN, dropped by the kernel: queue full\n";
        assert_eq!(list(&story, None), expected);
    }
}
