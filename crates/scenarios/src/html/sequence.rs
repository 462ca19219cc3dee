//! When was which data sent, and when was it acknowledged?
//!
//! The time-sequence graph of tcptrace: numbers of bytes above each other, time to the right. Where a
//! recording has no such numbers, or for datagrams, which have none, bytes are added up for each end.

use std::collections::BTreeMap;

use super::fold::was_dropped;
use super::markup::{Markup, Num};
use super::plot::{HEIGHT, Line, Plot, RIGHT, View, WIDTH};
use super::words::Words;
use super::{Most, data};
use crate::findings::{PacketLine, Segment, Story};

/// How many packets of data make a picture.
const STEPS_OF_DATA: usize = 6;

/// How many directions of connections are drawn: those that sent most.
const MAX_FIGURES: usize = 2;

/// How the label of a copy ends that the wire made: neither end sent it.
const COPY: &str = ", copy";

/// The lifeline that sends, and the ports of sender and receiver.
type Flow = (usize, (u16, u16));

/// One direction of a connection.
struct Stream<'a> {
    /// Who sends, in words.
    name: String,
    data: Vec<(&'a PacketLine, Segment)>,
    /// When each acknowledgement came: up to which byte, and up to which byte there is room.
    acks: Vec<(f64, i64, i64)>,
}

/// The pictures of a story's data; nothing where that is no picture.
pub(super) fn figures(
    story: &Story,
    id: &str,
    span: (f64, f64),
    most: &Most,
    words: &Words,
) -> Markup {
    let mut out = Markup::default();
    for (at, stream) in streams(story).iter().enumerate() {
        out.add(&stream.figure(&format!("{id}-{at}"), span, most, words));
    }
    out.add(&sums(story, id, span, most, words));
    out
}

/// The directions of connections that have data enough.
fn streams(story: &Story) -> Vec<Stream<'_>> {
    let mut by_flow: BTreeMap<Flow, Vec<(&PacketLine, Segment)>> = BTreeMap::new();
    let own = story.packets.iter().filter(|packet| !packet.label.ends_with(COPY));
    for packet in own {
        if let Some(tcp) = packet.tcp {
            by_flow.entry((packet.from, packet.ports)).or_default().push((packet, tcp));
        }
    }
    let mut streams = Vec::new();
    for ((from, ports), all) in &by_flow {
        let data: Vec<_> = all.iter().filter(|(packet, _)| packet.len > 0).copied().collect();
        if data.iter().filter(|(packet, _)| packet.retry == 0).count() < STEPS_OF_DATA {
            continue;
        }
        let back = by_flow
            .iter()
            .filter(|((other, back), _)| other != from && *back == (ports.1, ports.0))
            .flat_map(|(_, all)| all);
        let mut acks: Vec<(f64, i64, i64)> = back
            .filter(|(packet, _)| !was_dropped(packet))
            .filter_map(|(packet, tcp)| {
                let ack = tcp.ack?;
                let room = i64::try_from(tcp.window).unwrap_or(i64::MAX);
                Some((packet.arrived_ms?, ack, ack.saturating_add(room)))
            })
            .collect();
        acks.sort_by(|a, b| a.0.total_cmp(&b.0));
        let host = story.lifelines.get(*from).and_then(|line| line.split(' ').next());
        let (host, who) = (host.unwrap_or_default(), &data[0].0.who);
        let name = if host == who { who.clone() } else { format!("{who}, {host}") };
        streams.push(Stream { name, data, acks });
    }
    let bytes = |stream: &Stream<'_>| stream.data.iter().map(|(p, _)| p.len).sum::<usize>();
    streams.sort_by_key(|stream| std::cmp::Reverse(bytes(stream)));
    streams.truncate(MAX_FIGURES);
    streams
}

/// From the first byte of a segment to the one behind its last.
fn extent(packet: &PacketLine, tcp: Segment) -> (i64, i64) {
    (tcp.seq, tcp.seq.saturating_add(i64::try_from(packet.len).unwrap_or(i64::MAX)))
}

impl Stream<'_> {
    fn figure(&self, id: &str, span: (f64, f64), most: &Most, words: &Words) -> Markup {
        let mut out = Markup::default();
        let title = words.stream.replace("{}", &self.name);
        let high = self.data.iter().map(|(packet, tcp)| extent(packet, *tcp).1).max();
        let high = high.unwrap_or_default();
        // Far above the data it would press them flat, and says nothing.
        let room_matters = self.acks.iter().any(|(.., room)| *room <= high.saturating_mul(3) / 2);
        let top = self
            .acks
            .iter()
            .map(|(.., room)| *room)
            .filter(|room| room_matters && *room <= high.saturating_mul(2));
        let view = View::of(span, top.chain([0, high]).map(as_float));
        out.fill("<h4>{}</h4><figure class=\"plot\">", &[&title]);
        out.fill(
            "<svg role=\"img\" viewBox=\"0 0 {} {}\" aria-labelledby=\"{}-t {}-d\">",
            &[&Num(WIDTH), &Num(HEIGHT), &id, &id],
        );
        out.fill("<title id=\"{}-t\">{}</title><desc id=\"{}-d\">", &[&id, &title, &id]);
        let again = self.data.iter().filter(|(packet, _)| packet.retry > 0).count();
        let dropped = self.data.iter().filter(|(packet, _)| was_dropped(packet)).count();
        out.fill(words.stream_of, &[&self.data.len(), &again, &dropped]);
        out.raw("</desc>");
        view.grid(&mut out, words.byte_number);
        if room_matters {
            let room = self.acks.iter().map(|(at, _, room)| (*at, *room));
            staircase(&mut out, &view, "<path class=\"room\" d=\"", room, most);
        }
        let acks = self.acks.iter().map(|(at, ack, _)| (*at, *ack));
        staircase(&mut out, &view, "<path class=\"ack\" d=\"", acks, most);
        self.segments(&mut out, &view, most);
        out.raw("</svg><figcaption>");
        out.fill("<span class=\"k0\">┃ {}</span> ", &[&words.sent_first]);
        if again > 0 {
            out.fill("<span class=\"again\">┃ {}</span> ", &[&words.sent_again]);
        }
        if dropped > 0 {
            out.fill("<span class=\"bad\">✗ {}</span> ", &[&words.lost]);
        }
        out.fill("<span class=\"acked\">━ {}</span> ", &[&words.acknowledged]);
        if room_matters {
            out.fill("<span class=\"roomy\">╌ {}</span> ", &[&words.room]);
        }
        out.text(words.stream_note);
        if !room_matters && !self.acks.is_empty() {
            out.raw(" ").text(words.room_far);
        }
        out.raw("</figcaption>");
        self.table(&mut out, &title, most.rows, words);
        out.raw("</figure>");
        out
    }

    /// Each segment as a line from its first byte to its last. Those that touch in the drawing are one.
    fn segments(&self, out: &mut Markup, view: &View, most: &Most) {
        let least = least(most);
        out.raw("<path class=\"step k0\" d=\"");
        let first_tries = self.data.iter().filter(|(packet, _)| packet.retry == 0);
        let mut last: Option<(f64, i64, i64)> = None;
        let mut put = |line: (f64, i64, i64)| {
            let (x, from, to) = line;
            let (low, high) = (view.py(as_float(from)), view.py(as_float(to)));
            // A short one is seen, too.
            let high = high.min(low - 2.0);
            out.fill("M{} {}V{}", &[&Num(x), &Num(low), &Num(high)]);
        };
        for (packet, tcp) in first_tries {
            let (from, to) = extent(packet, *tcp);
            let x = view.px(packet.sent_ms);
            last = match last {
                Some((at, low, high)) if (x - at).abs() < least && from == high => {
                    Some((at, low, to))
                }
                Some(line) => {
                    put(line);
                    Some((x, from, to))
                }
                None => Some((x, from, to)),
            };
        }
        if let Some(line) = last {
            put(line);
        }
        out.raw("\"/>");
        let marked = self.data.iter().filter(|(packet, _)| packet.retry > 0 || was_dropped(packet));
        for (packet, tcp) in marked.take(most.arrows) {
            let (from, to) = extent(packet, *tcp);
            let x = view.px(packet.sent_ms);
            let (low, high) = (view.py(as_float(from)), view.py(as_float(to)));
            if packet.retry > 0 {
                let high = high.min(low - 3.0);
                out.fill(
                    "<path class=\"again\" d=\"M{} {}V{}\"/>",
                    &[&Num(x), &Num(low), &Num(high)],
                );
            }
            if was_dropped(packet) {
                let y = f64::midpoint(low, high);
                out.fill(
                    "<path class=\"x\" d=\"M{} {}l8 8m0 -8l-8 8\"/>",
                    &[&Num(x - 4.0), &Num(y - 4.0)],
                );
            }
        }
    }

    /// The same as a table, in the order of time.
    fn table(&self, out: &mut Markup, title: &str, most: usize, words: &Words) {
        let mut rows: Vec<(f64, Vec<String>)> = Vec::new();
        for (packet, tcp) in &self.data {
            let (from, to) = extent(packet, *tcp);
            let what = if packet.retry > 0 { words.sent_again } else { words.sent_first };
            let lost = if was_dropped(packet) { words.lost } else { "" };
            let what = [what, lost].join(if lost.is_empty() { "" } else { ", " });
            let cells = [format!("{:.3}", packet.sent_ms), what, format!("{from} … {to}")];
            rows.push((packet.sent_ms, cells.to_vec()));
        }
        for (at, ack, room) in &self.acks {
            let cells = [
                format!("{at:.3}"),
                words.acknowledged.to_owned(),
                format!("{ack} (+{})", room.saturating_sub(*ack)),
            ];
            rows.push((*at, cells.to_vec()));
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
        let columns = ["ms", words.says, words.byte_number].map(str::to_owned);
        out.fill("<details><summary>{}</summary>", &[&words.data]);
        out.add(&data::table(title, &columns, &rows, most, words));
        out.raw("</details>");
    }
}

/// A line that stands at each value until the next one comes.
fn staircase(
    out: &mut Markup,
    view: &View,
    begin: &'static str,
    steps: impl Iterator<Item = (f64, i64)>,
    most: &Most,
) {
    let least = least(most);
    out.raw(begin);
    let mut last: Option<(f64, i64)> = None;
    for (at, value) in steps {
        let x = view.px(at);
        let y = view.py(as_float(value));
        let at = match last {
            None => {
                out.fill("M{} {}", &[&Num(x), &Num(y)]);
                x
            }
            Some((_, before)) if before == value => continue,
            // In the same place of the drawing only the value counts.
            Some((before, _)) if x - before < least => {
                out.fill("V{}", &[&Num(y)]);
                before
            }
            Some(_) => {
                out.fill("H{}V{}", &[&Num(x), &Num(y)]);
                x
            }
        };
        last = Some((at, value));
    }
    if last.is_some() {
        out.fill("H{}", &[&Num(RIGHT)]);
    }
    out.raw("\"/>");
}

/// How far apart in the drawing two steps of a line are, at least.
fn least(most: &Most) -> f64 {
    (WIDTH / most.steps.max(1) as f64).max(0.6)
}

fn as_float(number: i64) -> f64 {
    number as f64
}

/// How much data each end has sent, over time, where nothing has numbers.
fn sums(story: &Story, id: &str, span: (f64, f64), most: &Most, words: &Words) -> Markup {
    let is_data = |packet: &&PacketLine| {
        packet.len > 0 && packet.tcp.is_none() && !packet.label.ends_with(COPY)
    };
    let data = || story.packets.iter().filter(is_data);
    if data().filter(|packet| packet.retry == 0).count() < STEPS_OF_DATA {
        return Markup::default();
    }
    let mut lines: Vec<Line<'_>> = story
        .lifelines
        .iter()
        .take(2)
        .map(|name| Line { name, dashed: false, points: Vec::new() })
        .collect();
    let mut crosses = Vec::new();
    for packet in data() {
        let Some(line) = lines.get_mut(packet.from) else { continue };
        let mut sum = line.points.last().map_or(0.0, |(_, sum)| *sum);
        if packet.retry == 0 {
            sum += packet.len as f64;
            line.points.push((packet.sent_ms, sum));
        }
        if packet.retry > 0 || was_dropped(packet) {
            crosses.push((packet.sent_ms, sum));
        }
    }
    lines.retain(|line| !line.points.is_empty());
    crosses.truncate(most.arrows);
    let plot = Plot {
        id,
        title: words.sequence,
        unit: "bytes",
        note: words.sequence_note,
        span,
        lines,
        crosses,
        rows: most.rows,
        steps: most.steps,
    };
    plot.figure(words)
}
