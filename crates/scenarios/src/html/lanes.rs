//! When was each end of a connection in which state?

use super::data;
use super::markup::Markup;
use super::plot::{LEFT, RIGHT, WIDTH, moments, share};
use super::words::Words;
use crate::findings::{Lane, Story};

/// How many ends are shown.
const MAX_ROWS: usize = 24;

/// How many states of an end are drawn: more than TCP has, for one that is used again.
const MAX_BARS: usize = 24;

/// How much of a lane a character takes.
const CHARACTER: f64 = 0.01;

/// Where a state is at least seen that begins at the end of the figure or later.
const LAST_SEEN: f64 = 0.994;

/// What a lane says where the kernel has forgotten its end.
const GONE: &str = "gone";

/// A row of the figure: an end of a connection, or that a host never had one.
struct Row<'a> {
    host: &'a str,
    who: &'a str,
    states: &'a [(f64, String)],
}

/// The states as bars over time; nothing where none were watched.
///
/// A lane is as wide as the scale of a plot at every width of the page, so that it can be read down from one
/// to the other. What stands before that scale in a plot is too little for a name, which is above its lane.
pub(super) fn figure(story: &Story, span: (f64, f64), most: usize, words: &Words) -> Markup {
    let mut out = Markup::default();
    if story.lanes.is_empty() {
        return out;
    }
    let rows = rows(story);
    out.fill("<h4>{}</h4><figure class=\"lanes\">", &[&words.lanes]);
    let (before, behind) = (percent(LEFT / WIDTH), percent(1.0 - RIGHT / WIDTH));
    out.fill("<div role=\"img\" style=\"margin:0 {}% 0 {}%\" aria-label=\"", &[&behind, &before]);
    out.fill(words.lanes_of, &[&story.lanes.len()]).raw("\">");
    for Row { host, who, states } in rows.iter().take(MAX_ROWS) {
        out.fill("<div class=\"ln\"><span>{}, {}</span><div>", &[who, host]);
        if states.is_empty() {
            out.fill("<em>{}</em>", &[&words.no_socket]);
        }
        for (at, (from, state)) in states.iter().enumerate().take(MAX_BARS) {
            let until = states.get(at + 1).map(|(next, _)| *next);
            bar(&mut out, state, (*from, until), span);
        }
        out.raw("</div></div>");
    }
    axis(&mut out, span);
    out.raw("</div><figcaption>");
    if rows.len() > MAX_ROWS {
        out.fill(words.more_rows, &[&(rows.len() - MAX_ROWS)]).raw(" ");
    }
    out.text(words.lanes_over_time);
    if story.lanes.iter().flat_map(|lane| &lane.states).any(|(_, state)| state == GONE) {
        out.raw(" ").text(words.lanes_gone);
    }
    out.raw("</figcaption>");
    table(&mut out, story, most, words);
    out.raw("</figure>");
    out
}

/// The lanes, each beside the other end of its connection.
fn rows(story: &Story) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let hosts: Vec<&str> =
        story.lifelines.iter().filter_map(|line| line.split(' ').next()).collect();
    let is_of_one = |a: &Lane, b: &Lane| a.ports == b.ports || a.ports == (b.ports.1, b.ports.0);
    for (at, lane) in story.lanes.iter().enumerate() {
        rows.push(Row { host: &lane.host, who: &lane.who, states: &lane.states });
        let [a, b] = hosts[..] else { continue };
        let other = if lane.host == a { b } else { a };
        let has_other = story.lanes.iter().any(|end| is_of_one(end, lane) && end.host == other);
        let is_last = !story.lanes[at + 1..].iter().any(|end| is_of_one(end, lane));
        if !has_other && is_last && lane.ports.0 != lane.ports.1 && a != b {
            rows.push(Row { host: other, who: &lane.who, states: &[] });
        }
    }
    rows
}

/// A state from when it began until the next one did; the last one goes on to the end of the figure.
fn bar(out: &mut Markup, state: &str, (from, until): (f64, Option<f64>), span: (f64, f64)) {
    let (left, right) = (share(from, span), share(until.unwrap_or(span.1), span));
    out.raw(match state {
        "SYN-SENT" | "SYN-RECV" => "<i class=\"s-syn\"",
        "ESTAB" => "<i class=\"s-est\"",
        "CLOSE-WAIT" => "<i class=\"s-cw\"",
        "TIME-WAIT" => "<i class=\"s-tw\"",
        GONE => "<i class=\"s-gone\"",
        _ => "<i class=\"s-fin\"",
    });
    let width = (right - left).max(0.0);
    // A part of a word says less than the colour.
    let is_readable = width >= CHARACTER * (state.len() as f64 + 1.0);
    // Nobody saw the end of the last one.
    let lasted = match until {
        Some(until) => format!("{from:.3} … {until:.3} ms"),
        None => format!("{from:.3} ms …"),
    };
    out.fill(
        " style=\"left:{}%;width:{}%\" title=\"{}: {}\">{}</i>",
        &[
            &percent(left.min(LAST_SEEN)),
            &percent(width),
            &state,
            &lasted,
            if is_readable { &state } else { &"" },
        ],
    );
}

fn axis(out: &mut Markup, span: (f64, f64)) {
    out.raw("<div class=\"ln ax\"><div>");
    for (at, shown) in moments(span) {
        out.fill("<b style=\"left:{}%\">{}</b>", &[&percent(share(at, span)), &shown]);
    }
    out.raw("<span>ms</span></div></div>");
}

/// A share in hundredths, fine enough for a pixel of the widest page.
fn percent(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

/// The same as a table, in the order of time.
fn table(out: &mut Markup, story: &Story, most: usize, words: &Words) {
    let mut rows: Vec<(f64, Vec<String>)> = Vec::new();
    for lane in &story.lanes {
        let end = format!("{}, {}", lane.who, lane.host);
        let ports = format!("{} → {}", lane.ports.0, lane.ports.1);
        rows.extend(lane.states.iter().map(|(at, state)| {
            (*at, vec![format!("{at:.3}"), end.clone(), ports.clone(), state.clone()])
        }));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    let columns = ["ms", words.end, words.ports, words.state].map(str::to_owned);
    out.fill("<details><summary>{}</summary>", &[&words.data]);
    out.add(&data::table(words.lanes, &columns, &rows, most, words));
    out.raw("</details>");
}
