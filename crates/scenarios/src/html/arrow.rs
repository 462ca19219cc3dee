//! How is one packet drawn?

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::fold::was_dropped;
use super::ladder::{Layout, Place};
use super::markup::{Markup, Num, clip};
use super::words::Words;
use crate::findings::{Fate, PacketLine};

/// How far a packet comes that the wire loses, as a part of the way.
const LOST_AFTER: f64 = 0.6;
/// How much of the way words at one end may take before they are in the way of those at the other.
const HALF_OF_IT: f64 = 0.5;
/// How wide a character of a label is, and of a smaller text.
const CHARACTER: f64 = 7.3;
const SMALL_CHARACTER: f64 = 6.7;

/// One packet, and where it is drawn.
pub(super) struct Arrow<'a> {
    packet: &'a PacketLine,
    layout: &'a Layout,
    colour: usize,
    from: f64,
    to: f64,
    /// Where it ends, short of the receiver where it never arrives.
    tip: f64,
    /// 1 to the right, and -1 to the left.
    ahead: f64,
    sent: f64,
    arrived: f64,
    is_cut: bool,
    /// Whether it must be said who talks.
    talkers: bool,
}

impl<'a> Arrow<'a> {
    pub(super) fn of(
        packet: &'a PacketLine,
        colour: usize,
        Place { sent, arrived, is_cut, .. }: Place,
        layout: &'a Layout,
        talkers: bool,
    ) -> Self {
        let [left, right] = layout.lifelines;
        let (from, to, ahead) =
            if packet.from == 0 { (left, right, 1.0) } else { (right, left, -1.0) };
        let is_lost = !matches!(packet.fate, Fate::Taken | Fate::DroppedByKernel(_));
        let tip = if is_lost || is_cut { from + (to - from) * LOST_AFTER } else { to };
        Self { packet, layout, colour, from, to, tip, ahead, sent, arrived, is_cut, talkers }
    }

    pub(super) fn line(&self, out: &mut Markup, words: &Words) {
        let Self { packet, from, tip, sent, arrived, .. } = *self;
        out.fill("<g class=\"pk k{}\"><title>", &[&self.colour]);
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
        if self.is_cut {
            out.fill(
                "<path class=\"cut\" d=\"M{} {}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0\"/>",
                &[&Num(tip), &Num(arrived)],
            );
        } else {
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
        }
        if was_dropped(packet) {
            out.fill(
                "<path class=\"x\" d=\"M{} {}l12 12m0 -12l-12 12\"/>",
                &[&Num(tip - 6.0), &Num(arrived - 6.0)],
            );
        }
        out.raw("</g>");
    }

    pub(super) fn words(&self, out: &mut Markup, words: &Words) {
        let Self { packet, layout, ahead, sent, .. } = *self;
        let (begin, end) = if ahead > 0.0 { ("start", "end") } else { ("end", "start") };
        let who = clip(&packet.who, if layout.is_narrow { 10 } else { 13 });
        let mut room = layout.distance() - 24.0;
        let narrow_who = layout.is_narrow && self.talkers;
        if narrow_who {
            room -= SMALL_CHARACTER * width(&who) + 6.0;
        }
        out.fill(
            "<text class=\"k{}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
            &[
                &self.colour,
                &Num(self.from + ahead * 12.0),
                &Num(sent - 6.0),
                &begin,
                &fitting(&says(packet, words), room, CHARACTER),
            ],
        );
        if let Fate::DroppedByKernel(why) | Fate::DroppedOnTheWire(why) = &packet.fate {
            self.why(out, why, (begin, end));
        }
        if packet.fate == Fate::OnTheWay {
            out.fill(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"{}\">…</text>",
                &[&Num(self.tip + ahead * 6.0), &Num(self.arrived + 3.0), &begin],
            );
        }
        out.fill(
            "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            &[&Num(layout.times), &Num(sent + 4.0), &format!("{:.3}", packet.sent_ms)],
        );
        if narrow_who {
            out.fill(
                "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
                &[&Num(self.to - ahead * 8.0), &Num(sent - 6.0), &end, &who],
            );
        } else if !layout.is_narrow {
            out.fill("<text class=\"t\" x=\"80\" y=\"{}\">{}</text>", &[&Num(sent + 4.0), &who]);
        }
    }

    /// Why it was dropped: behind a cross on the wire, else below the tip.
    fn why(&self, out: &mut Markup, why: &str, (begin, end): (&str, &str)) {
        let Self { layout, ahead, tip, arrived, .. } = *self;
        let on_the_wire = matches!(self.packet.fate, Fate::DroppedOnTheWire(_));
        let edge = if ahead > 0.0 { layout.width } else { layout.lifelines[0] };
        let (x, y, anchor, room) = if on_the_wire && !is_below(self.packet, layout) {
            let x = tip + ahead * 12.0;
            (x, arrived + 4.0, begin, (edge - x).abs())
        } else {
            let x = self.to - ahead * 10.0;
            (x, arrived + 15.0, end, (x - self.from).abs())
        };
        out.fill(
            "<text class=\"why\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
            &[&Num(x), &Num(y), &anchor, &fitting(why, room, SMALL_CHARACTER)],
        );
    }
}

/// Whether why a packet was dropped stands below its tip; else it stands behind its cross.
pub(super) fn is_below(packet: &PacketLine, layout: &Layout) -> bool {
    match &packet.fate {
        Fate::Taken | Fate::OnTheWay => false,
        Fate::DroppedByKernel(_) => true,
        Fate::DroppedOnTheWire(why) => {
            let room = layout.distance() * (1.0 - LOST_AFTER) - 12.0;
            layout.is_narrow && width(why) * SMALL_CHARACTER > room
        }
    }
}

/// Whether words below the tip of an arrow may reach those at the other end.
pub(super) fn is_long(packet: &PacketLine, layout: &Layout) -> bool {
    let (Fate::DroppedByKernel(why) | Fate::DroppedOnTheWire(why)) = &packet.fate else {
        return false;
    };
    width(why) * SMALL_CHARACTER > layout.distance() * HALF_OF_IT
}

/// As much of a text as has room, a character of one column being so wide.
fn fitting(text: &str, room: f64, character: f64) -> String {
    if width(text) * character <= room {
        return text.to_owned();
    }
    let mut shown = String::new();
    for c in text.chars() {
        if (width(&shown) + c.width().unwrap_or(0) as f64 + 1.0) * character > room {
            break;
        }
        shown.push(c);
    }
    shown + "…"
}

/// How many columns a text takes.
fn width(text: &str) -> f64 {
    text.width() as f64
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
