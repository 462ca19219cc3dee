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

/// No event of a packet is shorter.
const OF_THE_SHORTEST: usize = 100;

pub(super) fn link(out: &mut Markup, run: &Run<'_>, words: &Words) {
    let packets = || run.stories.iter().map(|story| story.packets.len());
    // A run that is too long whatever is in it is not written out to see that.
    let is_long = packets().sum::<usize>() > MOST / OF_THE_SHORTEST;
    let whole = (!is_long).then(|| events_of(run, usize::MAX)).filter(|all| all.len() <= MOST);
    let is_whole = whole.is_some();
    let events = whole.unwrap_or_else(|| {
        let others = events_of(run, 0).len();
        let room = MOST.saturating_sub(others) / OF_A_PACKET;
        events_of(run, fair(packets(), room))
    });
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
    use serde_json::Value;

    use super::*;
    use crate::findings::{Check, Fate, PacketLine, SetUp};
    use crate::html::Language;
    use crate::options::Options;

    /// Gives a run of this story to `look`.
    fn with_run<T>(story: Story, variant: Option<&str>, look: impl Fn(&Run<'_>) -> T) -> T {
        let text = String::new;
        let set_up = SetUp {
            demo: "d".into(),
            question: text(),
            level: "L0".into(),
            level_words: text(),
            kernel: text(),
            seed: 1,
            options: Options::default(),
        };
        look(&Run {
            set_up: &set_up,
            variant,
            command: "",
            theory: &[],
            stories: &[story],
            claims: &[],
            seconds: 1.5,
        })
    }

    /// The events that a page holds of a run with these checks.
    fn events(checks: &[Check], variant: Option<&str>) -> Vec<Value> {
        let story = Story { checks: checks.to_vec(), ..Story::default() };
        let lines = with_run(story, variant, |run| events_of(run, usize::MAX));
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn the_end_is_that_of_the_run() {
        let [ok, failed] = [1, 2].map(|measured| Check::equal("x", "x", 1, measured));
        let skipped = Check::skipped("x", "x", "why");
        for (checks, exit) in [
            (&[ok.clone(), skipped.clone()][..], 0),
            (&[ok, failed, skipped.clone()], 1),
            (&[skipped], 77),
            (&[], 77),
        ] {
            let events = events(checks, None);
            let end = events.last().unwrap();
            assert_eq!((&end["event"], &end["exit"]), (&"end".into(), &exit.into()), "{checks:?}");
            assert_eq!(end["checks"], checks.len());
        }
    }

    /// One of two runs that are compared says which it is in each event but the last, which is of both.
    #[test]
    fn a_run_with_a_knob_says_which_it_is() {
        let events = events(&[], Some("tcp_sack=0"));
        let (end, others) = events.split_last().unwrap();
        assert!(others.iter().all(|event| event["variant"] == "tcp_sack=0"), "{others:?}");
        assert_eq!(end["variant"], Value::Null);
    }

    /// Of a run that is too long for a page its first packets are there, its last, and what was dropped.
    #[test]
    fn of_a_long_run_the_page_holds_a_part_and_says_so() {
        let packet = |number| PacketLine {
            number,
            from: 0,
            sent_ms: 0.0,
            arrived_ms: None,
            who: "client".into(),
            ports: (40_001, 7878),
            label: "ACK".into(),
            len: 1448,
            retry: 0,
            fate: if number == 5_001 { Fate::DroppedOnTheWire("lost".into()) } else { Fate::Taken },
            tcp: None,
        };
        let words = Language::English.words();
        for (packets, is_whole) in [(100, true), (10_000, false)] {
            let of_it = || Story {
                packets: (1..=packets).map(packet).collect(),
                capture: Some(Vec::new()),
                ..Story::default()
            };
            let page = with_run(of_it(), None, |run| {
                let mut out = Markup::default();
                link(&mut out, run, words);
                out.finish()
            });
            assert_eq!(page.contains(words.raw_folded), !is_whole, "{packets}");
            assert!(page.len() < 2 * MOST, "{} bytes of {packets} packets", page.len());
            let kept = folded(&of_it(), 50).packets.clone();
            let has = |number| kept.iter().any(|packet| packet.number == number);
            assert!(kept.len() <= 50, "{} packets", kept.len());
            assert!(has(1) && has(packets) && (is_whole || has(5_001)), "{packets}");
        }
    }

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
