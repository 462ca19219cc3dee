//! The ladder as a figure: each arrow from when a packet was sent to when it arrived.

use std::collections::HashMap;

use unicode_width::UnicodeWidthStr as _;

use super::arrow::{Arrow, is_below, is_long};
use super::fold::{Piece, fold, was_dropped};
use super::markup::{Markup, Num, clip};
use super::words::Words;
use crate::findings::{Fate, PacketLine, Story};
use crate::ladder::{LONG_GAP_MS, silence_before};

/// Where things stand in a drawing, in its own units.
pub(super) struct Layout {
    class: &'static str,
    pub(super) width: f64,
    /// Where the two lifelines are.
    pub(super) lifelines: [f64; 2],
    /// Where times end.
    pub(super) times: f64,
    /// How many characters a lifeline's name may have.
    name: usize,
    /// On a telephone there is no column for who talks, and why a packet was lost stands below it.
    pub(super) is_narrow: bool,
}

impl Layout {
    /// Between the two lifelines.
    pub(super) fn distance(&self) -> f64 {
        self.lifelines[1] - self.lifelines[0]
    }
}

/// What is drawn where there is room, and on a telephone; a page has both, and shows one.
const LAYOUTS: [Layout; 2] = [
    Layout {
        class: "big",
        width: 720.0,
        lifelines: [180.0, 590.0],
        times: 70.0,
        name: 38,
        is_narrow: false,
    },
    Layout {
        class: "small",
        width: 360.0,
        lifelines: [70.0, 350.0],
        times: 62.0,
        name: 21,
        is_narrow: true,
    },
];

/// Where the first packet may begin.
const TOP: f64 = 46.0;
/// Between two labels.
const LABEL: f64 = 21.0;
/// Below the tip of an arrow for a line of why it was dropped.
const WHY_BELOW: f64 = 13.0;
/// Between the tip of an arrow and the next label at that end.
const TIP: f64 = 19.0;
/// The least by which an arrow slants.
const SLANT: f64 = 6.0;
/// Below a label for the line of a silence.
const SILENCE: f64 = 7.0;
/// How wide a character of a lifeline's name is.
const HEAD_CHARACTER: f64 = 7.9;
/// Colours, each with dashes of its own.
const COLOURS: usize = 6;

/// Draws the packets of a story, at most `most` of them; nothing where they have no two ends.
pub(super) fn figure(story: &Story, id: &str, most: usize, words: &Words) -> Markup {
    let mut out = Markup::default();
    let ([left, right], false) = (&story.lifelines[..], story.packets.is_empty()) else {
        return out;
    };
    let pieces = fold(&story.packets, most);
    let dropped = story.packets.iter().filter(|packet| was_dropped(packet)).count();
    let again = story.packets.iter().filter(|packet| packet.retry > 0).count();
    out.fill("<h4>{}</h4><figure>", &[&words.ladder]);
    for layout in &LAYOUTS {
        let drawn = Drawing::of(&story.packets, &pieces, layout);
        let id = format!("{id}-{}", layout.class);
        out.fill(
            "<svg class=\"{}\" role=\"img\" viewBox=\"0 0 {} {}\" aria-labelledby=\"{}-t {}-d\">",
            &[&layout.class, &Num(layout.width), &Num(drawn.bottom), &id, &id],
        );
        out.fill("<title id=\"{}-t\">{}: {}</title>", &[&id, &words.ladder, &story.says]);
        out.fill("<desc id=\"{}-d\">", &[&id]);
        out.fill(words.ladder_of, &[&story.packets.len(), left, right, &dropped, &again]);
        out.raw("</desc>");
        heads(&mut out, layout, [left, right], drawn.bottom);
        out.add(&drawn.arrows(story, layout, words));
        out.raw("</svg>");
    }
    out.raw("<figcaption>").text(words.ladder_note);
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

/// The lifelines with their names.
fn heads(out: &mut Markup, layout: &Layout, names: [&String; 2], bottom: f64) {
    for (at, (x, name)) in layout.lifelines.iter().zip(names).enumerate() {
        let name = &clip(name, layout.name);
        // In the middle above its line where it has room there.
        let half = HEAD_CHARACTER * name.width() as f64 / 2.0;
        let (left, right) = (layout.times.min(*x - 12.0) + 12.0, layout.width - 2.0);
        let (name_x, anchor) = match at {
            0 if layout.is_narrow => (4.0, "start"),
            0 if x - half < left => (left, "start"),
            1 if x + half > right => (right, "end"),
            _ => (*x, "middle"),
        };
        out.fill(
            "<text x=\"{}\" y=\"16\" class=\"h\" text-anchor=\"{}\">{}</text>",
            &[&Num(name_x), &anchor, &name],
        );
        out.fill(
            "<line class=\"life\" x1=\"{}\" y1=\"24\" x2=\"{}\" y2=\"{}\"/>",
            &[&Num(*x), &Num(*x), &Num(bottom - 6.0)],
        );
    }
    let y = if layout.is_narrow { 34.0 } else { 16.0 };
    out.fill(
        "<text x=\"{}\" y=\"{}\" class=\"t\" text-anchor=\"end\">ms</text>",
        &[&Num(layout.times), &Num(y)],
    );
}

/// Where everything is.
struct Drawing {
    arrows: Vec<Place>,
    /// Silences, and how long each is.
    gaps: Vec<(f64, f64)>,
    /// Packets that are left out, and how many.
    folds: Vec<(f64, usize)>,
    bottom: f64,
}

/// Where a packet is drawn.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Which of the story's packets it is.
    packet: usize,
    /// The heights at which it is sent and at which it arrives.
    pub(super) sent: f64,
    pub(super) arrived: f64,
    /// Whether packets are left out before it arrives. It would cross all that follows them.
    pub(super) is_cut: bool,
}

#[derive(Clone, Copy)]
enum Event {
    Fold(usize),
    Sent(usize),
    Arrived(usize),
}

impl Drawing {
    /// Finds a height for each moment: later is never higher, and labels do not touch.
    fn of(packets: &[PacketLine], pieces: &[Piece], layout: &Layout) -> Self {
        let mut out = Self { arrows: Vec::new(), gaps: Vec::new(), folds: Vec::new(), bottom: TOP };
        let mut arrow_of: HashMap<usize, usize> = HashMap::new();
        let (mut y, mut free, mut last_ms) = (TOP, TOP, None);
        // Where a label of each end may be, below the tip of what arrived there.
        let mut free_at = [TOP; 2];
        // Below the last tip at each end: who overtakes whom must be seen.
        let mut tip_at = [TOP; 2];
        for (at_ms, event) in events(packets, pieces) {
            let dt = at_ms - last_ms.unwrap_or(at_ms);
            last_ms = Some(at_ms);
            y += stretch(dt);
            match event {
                Event::Fold(many) => {
                    let under_way = arrow_of.drain().map(|(_, arrow)| arrow);
                    for arrow in under_way {
                        let Place { packet, is_cut, .. } = &mut out.arrows[arrow];
                        *is_cut = packets[*packet].fate == Fate::Taken;
                    }
                    y = y.max(free) + 6.0;
                    out.folds.push((y, many));
                    free = y + LABEL + 6.0;
                }
                Event::Sent(at) => {
                    let side = usize::from(packets[at].from != 0);
                    let silence = silence_before(packets, at);
                    y = y.max(if silence.is_some() { free + SILENCE } else { free });
                    y = y.max(free_at[side]);
                    arrow_of.insert(at, out.arrows.len());
                    let lost = !matches!(packets[at].fate, Fate::Taken | Fate::DroppedByKernel(_));
                    let arrived = y + if lost { SLANT * 1.5 } else { SLANT };
                    out.arrows.push(Place { packet: at, sent: y, arrived, is_cut: false });
                    free = y + LABEL;
                    if lost && was_dropped(&packets[at]) {
                        // Why it was lost is written behind its cross, or below it.
                        let words = if is_below(&packets[at], layout) { 2 } else { 1 };
                        let lower = free + WHY_BELOW * f64::from(words);
                        free_at[1 - side] = free_at[1 - side].max(lower);
                        if layout.is_narrow {
                            free = lower;
                        }
                    }
                    out.gaps.extend(silence.map(|ms| (y - 11.0, ms)));
                }
                Event::Arrived(at) => {
                    let side = usize::from(packets[at].from == 0);
                    let Some(arrow) = arrow_of.remove(&at) else { continue };
                    let arrow = &mut out.arrows[arrow];
                    y = y.max(arrow.sent + SLANT).max(tip_at[side]);
                    tip_at[side] = y + SLANT;
                    arrow.arrived = y;
                    free_at[side] = y + TIP;
                    if was_dropped(&packets[at]) {
                        // Why it was dropped is written below its tip.
                        free_at[side] = y + LABEL + WHY_BELOW;
                        tip_at[side] = y + WHY_BELOW;
                        if layout.is_narrow || is_long(&packets[at], layout) {
                            free = free.max(free_at[side]);
                        }
                    }
                }
            }
            let lowest = free_at.iter().fold(free, |low, at| low.max(*at - TIP));
            out.bottom = out.bottom.max(y.max(lowest) + 14.0);
        }
        out
    }

    /// All arrows, and above them all words: a word stays readable where arrows pass.
    fn arrows(&self, story: &Story, layout: &Layout, words: &Words) -> Markup {
        let mut out = Markup::default();
        let colours = colours(&story.packets);
        let talkers = story.packets.iter().any(|packet| packet.who != story.packets[0].who);
        let arrow = |place: &Place| {
            let at = place.packet;
            Arrow::of(&story.packets[at], colours[at], *place, layout, talkers)
        };
        for drawn in &self.arrows {
            arrow(drawn).line(&mut out, words);
        }
        out.raw("<g class=\"words\">");
        for (y, dt) in &self.gaps {
            out.fill(
                "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"end\">+{} ms</text>",
                &[&Num(layout.times), &Num(*y), &format!("{dt:.0}")],
            );
        }
        for (y, many) in &self.folds {
            out.fill(
                "<line class=\"fold\" x1=\"10\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
                &[&Num(*y), &Num(layout.width - 10.0), &Num(*y)],
            );
            let middle = f64::midpoint(layout.lifelines[0], layout.lifelines[1]);
            out.fill(
                "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">",
                &[&Num(middle), &Num(*y + 4.0)],
            );
            out.fill(words.more_packets, &[many]).raw("</text>");
        }
        for drawn in &self.arrows {
            arrow(drawn).words(&mut out, words);
        }
        out.raw("</g>");
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
