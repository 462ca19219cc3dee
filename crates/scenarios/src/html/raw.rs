//! The run itself, to be taken out of its page.
//!
//! It is the same file as `--format json` gives, without the moments at which each line was written:
//! `cargo xtask demo --replay FILE` shows it again, and makes the same page of it. It stands in the page as the
//! address of a link, so that a click saves it, without a script and without a question to anybody.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::fold::{Piece, fold};
use super::markup::Markup;
use super::words::Words;
use super::{Run, fair};
use crate::findings::{Story, Tally};
use crate::json;

/// How many bytes of events a page holds: with its link, which is a third longer, it stays below half of what
/// a page may have. Of a run that is longer, packets are left out.
const MOST: usize = 600_000;

/// About how many bytes the event of a packet has.
const OF_A_PACKET: usize = 300;

pub(super) fn link(out: &mut Markup, run: &Run<'_>, words: &Words) {
    let whole = events_of(run, usize::MAX);
    let is_whole = whole.len() <= MOST;
    let events = if is_whole {
        whole
    } else {
        let packets = || run.stories.iter().map(|story| story.packets.len());
        let others = whole.len().saturating_sub(packets().sum::<usize>() * OF_A_PACKET);
        let room = MOST.saturating_sub(others) / OF_A_PACKET;
        events_of(run, fair(packets(), room))
    };
    out.fill("<h2 id=\"raw\">{}</h2>", &[&words.raw]);
    if events.len() > 2 * MOST {
        // It has much that is no packet.
        out.fill("<p>{}</p>", &[&words.raw_too_long]);
        return;
    }
    let file = format!("{}.jsonl", run.set_up.demo);
    out.fill("<p>{} ", &[&words.raw_note]);
    out.fill("<code>cargo xtask demo --replay {}</code>", &[&file]);
    if !is_whole {
        out.fill(" {}", &[&words.raw_folded]);
    }
    out.fill("</p><p><a download=\"{}\" href=\"data:application/x-ndjson;base64,", &[&file]);
    out.text(base64(events.as_bytes()));
    out.fill("\">{} ({} kB)</a></p>", &[&words.raw_save, &events.len().div_ceil(1000)]);
}

/// The events of a run, one a line, with at most so many packets of each story.
fn events_of(run: &Run<'_>, packets: usize) -> String {
    let demo = &run.set_up.demo;
    let mut tally = Tally::default();
    run.stories.iter().for_each(|story| tally.add(story));
    let mut told = vec![json::set_up(run.set_up)];
    told.extend(json::theory(demo, run.theory));
    for story in run.stories {
        told.extend(json::story(demo, &folded(story, packets)));
    }
    told.extend(run.claims.iter().map(|claim| json::claim(demo, claim)));
    told.push(json::played(demo, tally, run.seconds));
    let exit = match tally {
        Tally { failed: 1.., .. } => 1,
        Tally { checks, skipped, .. } if checks == skipped => 77,
        Tally { .. } => 0,
    };
    told.push(json::end(exit, tally, &run.set_up.level, run.seconds));
    let mut lines = String::new();
    for (at, (name, mut body)) in told.into_iter().enumerate() {
        let Some(fields) = body.as_object_mut() else { continue };
        fields.insert("event".to_owned(), name.into());
        if at == 0 {
            fields.insert("schema".to_owned(), json::SCHEMA.into());
        }
        if let Some(variant) = run.variant.filter(|_| name != "end") {
            fields.insert("variant".to_owned(), variant.into());
        }
        let _ = writeln!(lines, "{body}");
    }
    lines
}

/// The story with the packets that a table of so many rows shows.
fn folded(story: &Story, most: usize) -> Cow<'_, Story> {
    if story.packets.len() <= most {
        return Cow::Borrowed(story);
    }
    let kept = fold(&story.packets, most).into_iter().filter_map(|piece| match piece {
        Piece::Packet(at) => Some(story.packets[at].clone()),
        Piece::LeftOut(_) => None,
    });
    Cow::Owned(Story { packets: kept.collect(), capture: None, ..story.clone() })
}

/// RFC 4648, 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4648, 10.
    #[test]
    fn bytes_are_written_as_the_rfc_has_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
