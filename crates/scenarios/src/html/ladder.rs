//! The ladder as a figure: each arrow from when a packet was sent to when it arrived.

use std::collections::HashMap;

use super::fold::{Piece, fold, was_dropped};
use super::markup::{Markup, Num, clip};
use super::words::Words;
use crate::findings::{Fate, PacketLine, Story};

/// Where the two lifelines are.
const LIFELINES: [f64; 2] = [180.0, 590.0];
/// Where the first packet may begin.
const TOP: f64 = 46.0;
/// Between two labels.
const LABEL: f64 = 21.0;
/// Between the tip of an arrow and the next label at that end.
const TIP: f64 = 19.0;
/// The least by which an arrow slants.
const SLANT: f64 = 6.0;
/// A silence longer than this is written out.
const LONG_GAP_MS: f64 = 50.0;
/// How far a packet comes that the wire loses, as a part of the way.
const LOST_AFTER: f64 = 0.6;
/// Colours, each with dashes of its own.
const COLOURS: usize = 6;

/// Draws the packets of a story, at most `most` of them; nothing where they have no two ends.
pub(super) fn figure(story: &Story, id: &str, most: usize, words: &Words) -> Markup {
    let mut out = Markup::default();
    let ([left, right], false) = (&story.lifelines[..], story.packets.is_empty()) else {
        return out;
    };
    let pieces = fold(&story.packets, most);
    let drawn = Drawing::of(&story.packets, &pieces);
    let dropped = story.packets.iter().filter(|packet| was_dropped(packet)).count();
    let again = story.packets.iter().filter(|packet| packet.retry > 0).count();
    out.fill("<h4>{}</h4><figure>", &[&words.ladder]);
    out.fill(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">",
        &[&words.ladder],
    );
    out.fill(
        "<svg role=\"img\" viewBox=\"0 0 720 {}\" aria-labelledby=\"{}-t {}-d\">",
        &[&Num(drawn.bottom), &id, &id],
    );
    out.fill("<title id=\"{}-t\">{}: {}</title>", &[&id, &words.ladder, &story.says]);
    out.fill("<desc id=\"{}-d\">", &[&id]);
    out.fill(words.ladder_of, &[&story.packets.len(), left, right, &dropped, &again]);
    out.raw("</desc>");
    for (x, name) in LIFELINES.iter().zip([left, right]) {
        out.fill(
            "<text x=\"{}\" y=\"16\" class=\"h\" text-anchor=\"middle\">{}<title>{}</title></text>",
            &[&Num(*x), &clip(name, 32), name],
        );
        out.fill(
            "<line class=\"life\" x1=\"{}\" y1=\"24\" x2=\"{}\" y2=\"{}\"/>",
            &[&Num(*x), &Num(*x), &Num(drawn.bottom - 6.0)],
        );
    }
    out.raw("<text x=\"70\" y=\"16\" class=\"t\" text-anchor=\"end\">ms</text>");
    out.add(&drawn.arrows(story, words));
    out.raw("</svg></div><figcaption>").text(words.ladder_note);
    if pieces.len() < story.packets.len() {
        let shown = pieces.iter().filter(|piece| matches!(piece, Piece::Packet(_))).count();
        out.raw(" ").fill(words.ladder_folded, &[&shown, &story.packets.len()]);
    }
    if let Some(not_drawn) = &story.not_drawn {
        out.raw(" ").fill(words.not_drawn, &[not_drawn]);
    }
    out.raw("</figcaption></figure>");
    out
}

/// Where everything is.
struct Drawing {
    /// Each packet that is drawn, with the heights at which it is sent and at which it arrives.
    arrows: Vec<(usize, f64, f64)>,
    /// Silences, and how long each is.
    gaps: Vec<(f64, f64)>,
    /// Packets that are left out, and how many.
    folds: Vec<(f64, usize)>,
    bottom: f64,
}

#[derive(Clone, Copy)]
enum Event {
    Fold(usize),
    Sent(usize),
    Arrived(usize),
}

impl Drawing {
    /// Finds a height for each moment: later is never higher, and labels do not touch.
    fn of(packets: &[PacketLine], pieces: &[Piece]) -> Self {
        let mut out = Self { arrows: Vec::new(), gaps: Vec::new(), folds: Vec::new(), bottom: TOP };
        let mut arrow_of: HashMap<usize, usize> = HashMap::new();
        let (mut y, mut free, mut last_ms, mut fresh) = (TOP, TOP, None, true);
        // Where a label of each end may be, below the tip of what arrived there.
        let mut free_at = [TOP; 2];
        // Below the last tip at each end: who overtakes whom must be seen.
        let mut tip_at = [TOP; 2];
        for (at_ms, event) in events(packets, pieces) {
            let dt = at_ms - last_ms.unwrap_or(at_ms);
            last_ms = Some(at_ms);
            let silent = dt > LONG_GAP_MS && !fresh;
            fresh = false;
            y += stretch(dt);
            match event {
                Event::Fold(many) => {
                    y = y.max(free) + 6.0;
                    out.folds.push((y, many));
                    (free, fresh) = (y + LABEL + 6.0, true);
                }
                Event::Sent(at) => {
                    let side = usize::from(packets[at].from != 0);
                    y = y.max(free).max(free_at[side]);
                    arrow_of.insert(at, out.arrows.len());
                    let lost = !matches!(packets[at].fate, Fate::Taken | Fate::DroppedByKernel(_));
                    out.arrows.push((at, y, y + if lost { SLANT * 1.5 } else { SLANT }));
                    free = y + LABEL;
                    if silent {
                        out.gaps.push((y - 11.0, dt));
                    }
                }
                Event::Arrived(at) => {
                    let side = usize::from(packets[at].from == 0);
                    let arrow = &mut out.arrows[arrow_of[&at]];
                    y = y.max(arrow.1 + SLANT).max(tip_at[side]);
                    tip_at[side] = y + SLANT;
                    arrow.2 = y;
                    free_at[side] = y + TIP;
                    if was_dropped(&packets[at]) {
                        // Why it was dropped is written below its tip.
                        free_at[side] = y + LABEL + 10.0;
                    }
                }
            }
            out.bottom = out.bottom.max(y.max(free) + 14.0);
        }
        out
    }

    fn arrows(&self, story: &Story, words: &Words) -> Markup {
        let mut out = Markup::default();
        for (y, dt) in &self.gaps {
            out.fill(
                "<text class=\"t\" x=\"70\" y=\"{}\" text-anchor=\"end\">+{} ms</text>",
                &[&Num(*y), &format!("{dt:.0}")],
            );
        }
        for (y, many) in &self.folds {
            out.fill(
                "<line class=\"fold\" x1=\"10\" y1=\"{}\" x2=\"710\" y2=\"{}\"/>",
                &[&Num(*y), &Num(*y)],
            );
            out.fill(
                "<text class=\"t\" x=\"385\" y=\"{}\" text-anchor=\"middle\">",
                &[&Num(*y + 4.0)],
            );
            out.fill(words.more_packets, &[many]).raw("</text>");
        }
        let colours = colours(&story.packets);
        for (at, sent, arrived) in &self.arrows {
            let packet = &story.packets[*at];
            arrow(&mut out, packet, colours[*at], (*sent, *arrived), words);
        }
        out
    }
}

/// What happens, in the order in which it does.
fn events(packets: &[PacketLine], pieces: &[Piece]) -> Vec<(f64, Event)> {
    let mut events = Vec::new();
    let mut last_ms = f64::NEG_INFINITY;
    for (place, piece) in pieces.iter().enumerate() {
        match *piece {
            Piece::Packet(at) => {
                let packet = &packets[at];
                // A recording is in the order of sending; one that is not is drawn as it says.
                last_ms = packet.sent_ms.max(last_ms);
                events.push((last_ms, Event::Sent(at)));
                let arrived = packet.arrived_ms;
                if let (Some(ms), Fate::Taken | Fate::DroppedByKernel(_)) = (arrived, &packet.fate)
                {
                    events.push((ms.max(last_ms), Event::Arrived(at)));
                }
            }
            Piece::LeftOut(many) => {
                let next = pieces.get(place + 1);
                let next_ms = next.map_or(f64::INFINITY, |piece| match piece {
                    Piece::Packet(at) => packets[*at].sent_ms,
                    Piece::LeftOut(_) => last_ms,
                });
                events.push((next_ms.max(last_ms), Event::Fold(many)));
            }
        }
    }
    // Stable: what happens at the same moment stays in its order.
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    events
}

/// How much lower a moment is, so many milliseconds later.
fn stretch(dt_ms: f64) -> f64 {
    let dt = if dt_ms.is_finite() { dt_ms.max(0.0) } else { 0.0 };
    if dt > LONG_GAP_MS {
        (32.0 + 12.0 * (dt / LONG_GAP_MS).log10()).min(90.0)
    } else {
        4.0 * (1.0 + 10.0 * dt).log10()
    }
}

/// A colour for each connection, in the order in which they come, for each packet.
fn colours(packets: &[PacketLine]) -> Vec<usize> {
    let mut known: HashMap<(&str, u16, u16), usize> = HashMap::new();
    let of = |packet: &'_ PacketLine| {
        let (a, b) = packet.ports;
        (a.min(b), a.max(b))
    };
    let mut colours = Vec::with_capacity(packets.len());
    for packet in packets {
        let (low, high) = of(packet);
        let next = known.len() % COLOURS;
        colours.push(*known.entry((&packet.who, low, high)).or_insert(next));
    }
    colours
}

fn arrow(
    out: &mut Markup,
    packet: &PacketLine,
    colour: usize,
    (sent, arrived): (f64, f64),
    words: &Words,
) {
    let rightwards = packet.from == 0;
    let [left, right] = LIFELINES;
    let (from, to, ahead) = if rightwards { (left, right, 1.0) } else { (right, left, -1.0) };
    let is_lost = !matches!(packet.fate, Fate::Taken | Fate::DroppedByKernel(_));
    let tip = if is_lost { from + (to - from) * LOST_AFTER } else { to };
    out.fill("<g class=\"pk k{}\"><title>", &[&colour]);
    title(out, packet, words);
    out.raw("</title>");
    let (dx, dy) = (tip - from, arrived - sent);
    let long = dx.hypot(dy);
    // The head of the arrow lies on its line, however steep that is.
    let (ux, uy) = (dx / long, dy / long);
    let (neck_x, neck_y) = (tip - ux * 9.0, arrived - uy * 9.0);
    out.fill(
        "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
        &[&Num(from), &Num(sent), &Num(neck_x), &Num(neck_y)],
    );
    out.fill(
        "<path d=\"M{} {}L{} {}L{} {}z\"/>",
        &[
            &Num(tip),
            &Num(arrived),
            &Num(neck_x - uy * 4.0),
            &Num(neck_y + ux * 4.0),
            &Num(neck_x + uy * 4.0),
            &Num(neck_y - ux * 4.0),
        ],
    );
    let anchor = if rightwards { "start" } else { "end" };
    out.fill(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
        &[&Num(from + ahead * 12.0), &Num(sent - 4.0), &anchor, &clip(&says(packet, words), 46)],
    );
    match &packet.fate {
        Fate::Taken => {}
        Fate::DroppedByKernel(why) => {
            cross(out, to, arrived);
            let anchor = if rightwards { "end" } else { "start" };
            out.fill(
                "<text class=\"why\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
                &[&Num(to - ahead * 10.0), &Num(arrived + 15.0), &anchor, &clip(why, 52)],
            );
        }
        Fate::DroppedOnTheWire(rule) => {
            cross(out, tip, arrived);
            let most = if rightwards { 38 } else { 24 };
            out.fill(
                "<text class=\"why\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">",
                &[&Num(tip + ahead * 12.0), &Num(arrived + 4.0), &anchor],
            );
            out.text(clip(rule, most)).raw("</text>");
        }
        Fate::OnTheWay => {
            out.fill(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"{}\">…</text>",
                &[&Num(tip + ahead * 6.0), &Num(arrived + 3.0), &anchor],
            );
        }
    }
    out.fill(
        "<text class=\"t\" x=\"70\" y=\"{}\" text-anchor=\"end\">{}</text>",
        &[&Num(sent + 4.0), &format!("{:.3}", packet.sent_ms)],
    );
    out.fill(
        "<text class=\"t\" x=\"80\" y=\"{}\">{}</text></g>",
        &[&Num(sent + 4.0), &clip(&packet.who, 13)],
    );
}

fn cross(out: &mut Markup, x: f64, y: f64) {
    out.fill(
        "<path class=\"x\" d=\"M{} {}l12 12m0 -12l-12 12\"/>",
        &[&Num(x - 6.0), &Num(y - 6.0)],
    );
}

/// All that is known of a packet, for the pointer that rests on it.
fn title(out: &mut Markup, packet: &PacketLine, words: &Words) {
    out.fill(
        "{} {}, {}: {} {}",
        &[
            &packet.number,
            &says(packet, words),
            &packet.who,
            &words.sent,
            &format!("{:.6}", packet.sent_ms),
        ],
    );
    if let Some(arrived) = packet.arrived_ms {
        let took = arrived - packet.sent_ms;
        out.fill(
            ", {} {} (+{} ms)",
            &[&words.arrived, &format!("{arrived:.6}"), &format!("{took:.6}")],
        );
    }
    out.raw("; ");
    fate(out, packet, words);
}

/// What a packet says, in short.
pub(super) fn says(packet: &PacketLine, words: &Words) -> String {
    let mut says = packet.label.clone();
    if packet.len > 0 {
        says = format!("{says} {}", words.bytes.replace("{}", &packet.len.to_string()));
    }
    if packet.retry > 0 {
        says = format!("{says} ({})", words.retry.replace("{}", &packet.retry.to_string()));
    }
    says
}

/// What became of a packet, in words.
pub(super) fn fate(out: &mut Markup, packet: &PacketLine, words: &Words) {
    match &packet.fate {
        Fate::Taken => out.text(words.taken),
        Fate::DroppedByKernel(why) => out.fill(words.dropped_there, &[why]),
        Fate::DroppedOnTheWire(rule) => out.fill(words.dropped_on_wire, &[rule]),
        Fate::OnTheWay => out.text(words.on_the_way),
    };
}
