//! What is shown as rows.

use super::arrow;
use super::fold::{Piece, fold};
use super::markup::{Markup, clip};
use super::words::Words;
use crate::findings::{Story, Table};

/// Longer cells are clipped: a page is for reading.
const CELL: usize = 2000;

/// What ss calls the states of a connection, and what tables of states call the end of one.
const STATES: [&str; 11] = [
    "SYN-SENT",
    "SYN-RECV",
    "ESTAB",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSING",
    "TIME-WAIT",
    "CLOSE-WAIT",
    "LAST-ACK",
    "CLOSED",
    "gone",
];

/// A table that shows at most `most` rows, half of them from its end.
pub(super) fn table(
    caption: &str,
    columns: &[String],
    rows: &[Vec<String>],
    most: usize,
    words: &Words,
) -> Markup {
    let mut out = Markup::default();
    out.fill("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">", &[&caption]);
    out.fill("<table><caption>{}</caption><thead><tr>", &[&caption]);
    // A column of numbers stands at its right, so that they can be compared.
    let are_numbers: Vec<bool> = (0..columns.len())
        .map(|at| !rows.is_empty() && rows.iter().filter_map(|r| r.get(at)).all(|c| is_number(c)))
        .collect();
    for (column, are_numbers) in columns.iter().zip(&are_numbers) {
        let class = if *are_numbers { " class=\"n\"" } else { "" };
        out.fill("<th scope=\"col\"", &[]).raw(class).fill(">{}</th>", &[column]);
    }
    out.raw("</tr></thead><tbody>");
    let left_out = if rows.len() > most { rows.len() - 2 * (most / 2) } else { 0 };
    let from = most / 2;
    for (at, row) in rows.iter().enumerate() {
        if left_out > 0 && at == from {
            out.fill("<tr><td class=\"c\" colspan=\"{}\">", &[&columns.len()]);
            out.fill(words.more_rows, &[&left_out]).raw("</td></tr>");
        }
        if left_out > 0 && (from..from + left_out).contains(&at) {
            continue;
        }
        out.raw("<tr>");
        for (cell, is_number) in row.iter().zip(&are_numbers) {
            self::cell(&mut out, cell, *is_number);
        }
        out.raw("</tr>");
    }
    out.raw("</tbody></table></div>");
    out
}

fn cell(out: &mut Markup, cell: &str, is_number: bool) {
    if let Some(states) = states(cell) {
        out.raw("<td><ol class=\"lane\">");
        for state in states {
            // Its colour: it is open, one end is closed, it is over.
            out.raw(match state {
                "gone" => "<li class=\"gone\">",
                "ESTAB" => "<li class=\"estab\">",
                "TIME-WAIT" => "<li class=\"wait\">",
                _ => "<li>",
            });
            out.text(state).raw("</li>");
        }
        out.raw("</ol></td>");
        return;
    }
    let begin = if is_number { "<td class=\"n\">{}</td>" } else { "<td>{}</td>" };
    out.fill(begin, &[&clip(cell, CELL)]);
}

/// The states of a connection's end, where a cell lists them, one after the other.
fn states(cell: &str) -> Option<Vec<&str>> {
    let states: Vec<&str> = cell.split(", ").collect();
    (states.len() > 1 && states.iter().all(|state| STATES.contains(state))).then_some(states)
}

/// A table of a story.
pub(super) fn found(table: &Table, most: usize, words: &Words) -> Markup {
    let mut out = Markup::default();
    out.fill("<h4>{}</h4>", &[&table.says]);
    out.add(&self::table(&table.says, &table.columns, &table.rows, most, words));
    if table.rows.iter().flatten().any(|cell| states(cell).is_some()) {
        out.fill("<p class=\"note\">{}</p>", &[&words.lanes_note]);
    }
    out
}

/// The counters that moved.
pub(super) fn counters(story: &Story, most: usize, words: &Words) -> Markup {
    let mut out = Markup::default();
    if story.counters.is_empty() {
        return out;
    }
    let columns = [words.host, words.counter, words.before, words.after, words.change];
    let rows = story.counters.iter().map(|counter| {
        let change = counter.after.saturating_sub(counter.before);
        let numbers =
            [counter.before.to_string(), counter.after.to_string(), format!("{change:+}")];
        [counter.host.clone(), counter.name.clone()].into_iter().chain(numbers).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    out.fill("<details><summary>{}</summary>", &[&format!("{} ({})", words.counters, rows.len())]);
    out.add(&table(words.counters, &columns.map(str::to_owned), &rows, most, words));
    out.raw("</details>");
    out
}

/// The packets of a story.
pub(super) fn packets(story: &Story, most: usize, words: &Words) -> Markup {
    let mut out = Markup::default();
    if story.packets.is_empty() {
        return out;
    }
    out.raw("<details class=\"raw\"><summary>");
    out.fill("{} ({})", &[&words.packets_as_table, &story.packets.len()]);
    if let Some(not_drawn) = &story.not_drawn {
        out.raw(". ").fill(words.not_in_table, &[not_drawn]);
    }
    out.raw("</summary>");
    out.fill(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table><thead><tr>",
        &[&words.packets_as_table],
    );
    let columns = [
        words.number,
        words.sent,
        words.arrived,
        words.from,
        words.who,
        words.ports,
        words.says,
        words.fate,
    ];
    for column in columns {
        out.fill("<th scope=\"col\">{}</th>", &[&column]);
    }
    out.raw("</tr></thead><tbody>");
    for piece in fold(&story.packets, most) {
        let packet = match piece {
            Piece::LeftOut(many) => {
                out.raw("<tr><td class=\"c\" colspan=\"8\">")
                    .fill(words.more_packets, &[&many])
                    .raw("</td></tr>");
                continue;
            }
            Piece::Packet(at) => &story.packets[at],
        };
        let arrived = packet.arrived_ms.map(|ms| format!("{ms:.3}")).unwrap_or_default();
        let from = story.lifelines.get(packet.from).map_or("", String::as_str);
        let from = from.split(' ').next().unwrap_or_default();
        out.fill(
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>",
            &[&packet.number, &format!("{:.3}", packet.sent_ms), &arrived, &from],
        );
        out.fill(
            "<td>{}</td><td>{} → {}</td><td>{}</td><td>",
            &[&packet.who, &packet.ports.0, &packet.ports.1, &arrow::says(packet, words)],
        );
        arrow::fate(&mut out, packet, words);
        out.raw("</td></tr>");
    }
    out.raw("</tbody></table></div></details>");
    out
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
        && cell.parse::<f64>().is_ok()
}
