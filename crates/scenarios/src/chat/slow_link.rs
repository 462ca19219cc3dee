//! Somebody pastes a long text into a room, and one of those who read it is behind a slow link.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use netlab::Rule;
use serde_json::Value;

use super::relay::{chatter, start_relay};
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Actor, Stage, Trouble, until};

/// What is pasted: so many lines of so many characters.
const LINES: usize = 5000;
const LINE: usize = 200;

/// The slow link, in bits a second, and the queue before it, in bytes.
const RATE: u64 = 4_000_000;
const QUEUE: usize = 64 * 1024;

/// What the relay may keep for one client, in bytes: a quarter of the text.
const OUTBOX: &str = "256K";

const CHECKS: [(&str, &str); 4] = [
    ("slow-heard", "lines that bob has read, behind the slow link, each in its place"),
    ("slow-others", "lines that carol has read, beside alice"),
    ("slow-not-ended", "clients that the relay ended as too slow"),
    ("slow-time", "how long it took to have them all: no faster than the link"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "slow-link".into(),
        says: "alice pastes a megabyte into the room; bob reads it behind a link of 4 Mbit/s".into(),
        belief: "whoever cannot keep up is thrown out, or the server's memory grows".into(),
        explanation: vec![
            "The relay keeps no more than its limit for each client, and there are two ways to keep to it. A \
             reader that takes nothing at all is ended, as TooSlow. For one that takes something, however \
             slowly, the relay stops to read from whoever pushes: alice's own kernel then holds what she \
             has not said yet, and her program waits. People who type a line at a time wait for nobody."
                .into(),
            "That bob moves is seen early because the kernel is asked to take no more than 128 KiB for him \
             beyond what is under way (TCP_NOTSENT_LOWAT, tcp(7)). Its own buffer would grow to 4 MiB, \
             and tell of it in steps of a third."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["bob", "server", "others"])?;
    let Some(wire) = lab.wire() else {
        story.checks = Check::all_skipped(&CHECKS, "needs a slow link: level L0 or L1");
        return Ok(story);
    };
    wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    wire.add(Rule::rate("4 Mbit/s", RATE, QUEUE).to(lab.host("bob").id()));
    let (relay, address) = start_relay(stage, &lab, &["--outbox", OUTBOX])?;
    let watch = Watch::begin(&lab, address.port())?;
    let bob = chatter(stage, &lab, "bob", "bob", address)?;
    let carol = chatter(stage, &lab, "others", "carol", address)?;
    let mut alice = stage.client(&lab, "others", "alice", address, &[])?;
    alice.say("/nick alice")?;
    alice.say("/join lobby")?;

    let text = format!("{}\n", "x".repeat(LINE - 1)).repeat(LINES);
    let mut input = alice.program.take_input().expect("nobody has taken it");
    let start = Instant::now();
    // It waits where the relay does not read, as a pipe into any program does.
    let pasting = thread::spawn(move || input.write_all(text.as_bytes()));
    let has_all = |person: &Actor| person.events("said").len() >= LINES;
    until("every line at bob and carol", || {
        let is_over = has_all(&bob) && has_all(&carol) || too_slow(&relay) > 0;
        Ok(is_over.then_some(()))
    })?;
    let seconds = start.elapsed().as_secs_f64();
    pasting.join().expect("to paste does not panic").map_err(Trouble::io("paste the text"))?;
    let mut seen = watch.end(&lab)?;

    let frames = 40 + LINE as u64 - 1;
    #[expect(clippy::cast_precision_loss, reason = "a megabyte and a few megabits")]
    let at_least = (LINES as u64 * frames * 8) as f64 / RATE as f64;
    story.set_up = vec![
        format!("server: relay serve {address} --open-to-network --outbox {OUTBOX}"),
        format!("bob, carol: tcp-client chat {address}"),
        format!("alice: {LINES} lines of {LINE} bytes, piped into tcp-client {address}"),
    ];
    story.lifelines = lifelines(&lab, "bob", "server", address.port());
    let ended = too_slow(&relay);
    story.tables = vec![Table {
        says: "who has read how much in the end".into(),
        columns: ["who", "lines", "behind"].map(str::to_owned).to_vec(),
        rows: vec![
            row("carol", &carol, "the lab's own link"),
            row("bob", &bob, "a link of 4 Mbit/s"),
        ],
    }];
    let [heard, others, not_ended, time] = CHECKS;
    story.checks = vec![
        Check::equal(heard.0, heard.1, LINES, in_place(&bob)),
        Check::equal(others.0, others.1, LINES, in_place(&carol)),
        Check::equal(not_ended.0, not_ended.1, 0, ended),
        Check::seconds(time.0, time.1, (at_least * 10.0).floor() / 10.0..=60.0, seconds),
    ];
    let port = bob.local_port()?;
    story.not_drawn = seen.hide(lab.host("others"), "alice and carol");
    let mut observer = Observer::new(&seen.records);
    observer.name(port, "bob");
    seen.put_into(&mut story, &observer);
    Ok(story)
}

fn row(name: &str, person: &Actor, behind: &str) -> Vec<String> {
    let lines = person.events("said").len().to_string();
    vec![name.into(), lines, behind.into()]
}

/// How many lines came one after the other, from the first one on.
fn in_place(person: &Actor) -> usize {
    let seqs: Vec<u64> =
        person.events("said").iter().filter_map(|said| said["seq"].as_u64()).collect();
    let first = seqs.first().copied().unwrap_or_default();
    seqs.iter().zip(first..).take_while(|(seq, expected)| *seq == expected).count()
}

fn too_slow(relay: &Actor) -> usize {
    let is_slow = |event: &&Value| event["ending"] == "TooSlow";
    relay.events("closed").iter().filter(is_slow).count()
}
