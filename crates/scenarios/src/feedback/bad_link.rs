//! Two people talk and one sends a file over a link that loses, mixes up, and is cut for a while.

mod talk;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ::files::Hash;
use netlab::clock::Moment;
use netlab::{Packet, Record, Rule, Verdict};

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, lifelines};
use crate::reliable_pair::COUNTED_BY_CALLS;
use crate::scratch::Scratch;
use crate::stage::{Stage, Trouble, UDP_PORT, exit_in_words};

use self::talk::{Chat, NAME, PAUSE, SIZE, Sending, line, texts, type_lines};
use super::scene::{WHY, lab};

const DELAY: Duration = Duration::from_millis(10);

/// In a hundred packets of either direction, those that are lost and those that are held back.
const LOSS: f64 = 0.10;
const REORDER: f64 = 0.03;

/// A packet that is held back lets so many pass, or waits so long.
const OTHERS: u32 = 2;
const AT_MOST: Duration = Duration::from_millis(30);

/// How long the cable is cut.
const CUT: Duration = Duration::from_secs(5);

/// How long the wait between two probes gets (`arq::limits::LONGEST_WAIT`), and a bad second more.
const BACK: f64 = 4.0;

const LOST: &str = "10 % is lost";
const HELD: &str = "3 % is overtaken";
const CABLE: &str = "cable cut for 5 s";

const CHECKS: [(&str, &str); 9] = [
    ("bad-link-lines", "lines of Alice that Bob heard, and of Bob that Alice heard"),
    ("bad-link-order", "lines that were missing, came twice, or in another order"),
    ("bad-link-known", "lines of which their sender knows that they have arrived"),
    ("bad-link-file", "BLAKE3 of the file at the receiver, beside the sender's (first digits)"),
    ("bad-link-exits", "exit codes: Alice, Bob, send-file, recv-file"),
    ("bad-link-one", "connections of each chat: the cut is outlived"),
    ("bad-link-lost", "packets that the link lost, of a hundred while it was whole"),
    ("bad-link-middle", "packets that the cut took, and those that the link held back"),
    ("bad-link-back", "time from the mending of the cable until a line is heard again"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "bad-link".into(),
        says: "a chat and a file over UDP: 10 % is lost, 3 % is overtaken, and the cable is cut for 5 s".into(),
        belief: "what has to arrive needs TCP".into(),
        explanation: vec![
            "Alice and Bob type all the while, also when the cable is cut: what they say is kept, and each is \
             told line by line what the other has. None is missing, none comes twice, and each hears the lines \
             in the order in which they were typed; so does the file, whose hash says it."
                .into(),
            "While nothing comes through, what is new still goes out, and for what is not confirmed the other side \
             is asked: each time after twice the wait before, up to 3 s (RFC 8085, 3.1.3, allows one packet in \
             3 s to a path of which nothing is known). Who types on is heard as soon as the cable is whole, and \
             the answer shows what was lost before; who says nothing waits for the next probe. A connection is \
             given up after 30 s of silence, and a chat makes another one then."
                .into(),
            COUNTED_BY_CALLS.into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    };
    let wire = lab.wire().expect("a lab with losses has a wire");
    wire.add(Rule::delay("10 ms each way", DELAY));
    wire.add(Rule::reorder(HELD, OTHERS, AT_MOST).chance(REORDER));
    wire.add(Rule::drop(LOST).chance(LOSS));
    let scratch = Scratch::new()?;
    let watch = Watch::begin(&lab, UDP_PORT)?;
    let mut chat = Chat::begin(stage, &lab, &scratch)?;
    let mut file = Sending::begin(stage, &lab, &scratch)?;

    let [alice, bob] = &mut chat.people;
    let (mut cut, mut mended) = (Moment::default(), Moment::default());
    let is_whole = AtomicBool::new(false);
    let typed = thread::scope(|scope| {
        let alice = scope.spawn(|| type_lines(alice, &is_whole));
        let bob = scope.spawn(|| type_lines(bob, &is_whole));
        let came = file.has_begun();
        cut = lab.clock().now();
        wire.add(Rule::cut(CABLE));
        // It is the link's fault that lasts so long; nothing is waited for.
        thread::sleep(CUT);
        wire.remove(CABLE);
        mended = lab.clock().now();
        is_whole.store(true, Ordering::Relaxed);
        let [alice, bob] = [alice, bob].map(|typing| typing.join().expect("typing does not panic"));
        came?;
        Ok::<_, Trouble>([alice?, bob?])
    })?;
    chat.typed = typed;
    let exits_of_chat = chat.end()?;
    let exits_of_file = file.end()?;
    let seen = watch.end(&lab)?;

    let link = Link::of(&seen.records, [cut, mended]);
    let observer = Observer::new(&seen.records);
    let (exits, back) = ([exits_of_chat, exits_of_file].concat(), chat.first_after(mended));
    let hashes = [short_hash(&file.from), short_hash(&file.to)];
    let heard = chat.people.each_ref().map(texts);
    let known = chat.people.each_ref().map(|person| person.events("confirmed").len());
    let connections = chat.people.each_ref().map(|person| person.events("connected").len());
    story.checks =
        checks(&Measured { typed, heard, known, connections, hashes, exits, link, back });
    story.tables = vec![link.table(back)];
    story.series = vec![chat.series(&observer), file.series(&observer)];
    story.set_up = vec![
        format!("client: udp-peer chat {} {}; and send-file {NAME}", chat.ends[0], chat.ends[1]),
        format!("server: udp-peer chat {} {}; and recv-file", chat.ends[1], chat.ends[0]),
        format!(
            "Alice types {} lines and Bob {}, one every {} ms; the file has {SIZE} bytes; seed {} decides what is \
             lost",
            typed[0],
            typed[1],
            PAUSE.as_millis(),
            stage.seed
        ),
    ];
    story.lifelines = lifelines(&lab, "client", "server", UDP_PORT);
    put_into(&mut story, seen, observer, [cut, mended]);
    Ok(story)
}

/// Draws what is about the cut: of the chat, what was sent shortly before and while it lasted, and what
/// came of that.
fn put_into(story: &mut Story, mut seen: Seen, mut observer: Observer, [cut, mended]: [Moment; 2]) {
    let from = Moment(cut.0.saturating_sub(nanos(AROUND)));
    let until = mended.after(30 * AROUND);
    let hidden = seen.hide_where(|record| {
        let ports = record.packet.as_ref().and_then(Packet::ports);
        ports != Some((UDP_PORT, UDP_PORT)) || record.sent < from || record.sent > until
    });
    observer.name(UDP_PORT, "chat");
    story.not_drawn =
        Some(format!("{hidden} packets of the file, and of the chat before and after"));
    seen.put_into(story, &observer);
}

/// How much of the chat is drawn before the cut.
const AROUND: Duration = Duration::from_millis(100);

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What the link did.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// Packets that it was given while it was whole, and those of them that it lost.
    whole: usize,
    lost: usize,
    /// Packets that it held back.
    held: usize,
    /// Packets that were sent while it was cut.
    cut: usize,
}

impl Link {
    /// The cable was cut at one moment and whole again at the other.
    fn of(records: &[Record], [cut, mended]: [Moment; 2]) -> Self {
        let mut link = Self::default();
        for record in records {
            let rule = record.rule.as_deref();
            // A rule before the cut may have lost it as well.
            if record.sent >= cut && record.sent < mended {
                link.cut += usize::from(record.verdict == Verdict::Dropped);
                continue;
            }
            link.whole += 1;
            link.lost += usize::from(rule == Some(LOST));
            link.held += usize::from(rule == Some(HELD));
        }
        link
    }

    /// Of a hundred packets, those that it lost while it was whole.
    fn lost_of_a_hundred(&self) -> f64 {
        (self.lost as f64 * 1000.0 / self.whole.max(1) as f64).round() / 10.0
    }

    fn table(&self, back: [Option<f64>; 2]) -> Table {
        let after = |back: Option<f64>| {
            back.map_or("never".to_owned(), |seconds| format!("{:.0} ms", seconds * 1e3))
        };
        let rows = [
            ("packets that it was given while it was whole", self.whole.to_string()),
            ("lost of them", format!("{} ({} %)", self.lost, self.lost_of_a_hundred())),
            ("held back", self.held.to_string()),
            ("packets that were sent while it was cut, all lost", self.cut.to_string()),
            ("after the mending Alice heard a line after", after(back[0])),
            ("and Bob", after(back[1])),
        ];
        Table {
            says: "what the link did, in both directions".into(),
            columns: ["", "number"].map(str::to_owned).to_vec(),
            rows: rows.map(|(what, number)| vec![what.to_owned(), number]).to_vec(),
        }
    }
}

/// What came of it.
struct Measured {
    /// How many lines Alice and Bob typed.
    typed: [usize; 2],
    /// What Alice and Bob heard.
    heard: [Vec<String>; 2],
    /// How many lines of each were confirmed.
    known: [usize; 2],
    connections: [usize; 2],
    /// The hashes of the sender's file and of the receiver's.
    hashes: [String; 2],
    exits: Vec<Option<i32>>,
    link: Link,
    /// Seconds from the mending until Alice heard a line, and until Bob did.
    back: [Option<f64>; 2],
}

fn checks(measured: &Measured) -> Vec<Check> {
    let [lines, order, known, file, exits, one, lost, middle, back] = CHECKS;
    let Measured { typed, heard, hashes, link, .. } = measured;
    let twice = |[one, other]: [usize; 2]| format!("{one} and {other}");
    // Alice is first, and what she heard is Bob's.
    let [by_alice, by_bob] = heard;
    let wrong = |heard: &[String], typed: usize| {
        let places = heard.iter().zip(1..).filter(|(heard, number)| **heard != line(*number));
        places.count() + heard.len().abs_diff(typed)
    };
    let [of_alice, of_bob] = *typed;
    let codes: Vec<String> = measured.exits.iter().copied().map(exit_in_words).collect();
    let [sent, received] = hashes;
    let first = measured.back.into_iter().flatten().reduce(f64::min);
    vec![
        Check::equal(lines.0, lines.1, twice(*typed), twice([by_bob.len(), by_alice.len()])),
        Check::equal(order.0, order.1, 0, wrong(by_alice, of_bob) + wrong(by_bob, of_alice)),
        Check::equal(known.0, known.1, twice(*typed), twice(measured.known)),
        Check::equal(file.0, file.1, &**sent, &**received),
        Check::equal(exits.0, exits.1, "0, 0, 0, 0".to_owned(), codes.join(", ")),
        Check::equal(one.0, one.1, twice([1; 2]), twice(measured.connections)),
        Check::within(lost.0, lost.1, 4.0..=16.0, link.lost_of_a_hundred()),
        Check::new(
            middle.0,
            middle.1,
            "some of either".to_owned(),
            twice([link.cut, link.held]),
            link.cut > 0 && link.held > 0,
        ),
        Check::seconds_until(back.0, back.1, 0.0..=BACK, first),
    ]
}

fn short_hash(bytes: &[u8]) -> String {
    Hash::of(bytes).to_string()[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Outcome;

    #[track_caller]
    fn fails(change: impl FnOnce(&mut Measured), expected: &[&str]) {
        let all: Vec<String> = (1..=9).map(line).collect();
        let hash = short_hash(b"a file");
        let mut measured = Measured {
            heard: [all.clone(), all],
            typed: [9; 2],
            known: [9; 2],
            connections: [1; 2],
            hashes: [hash.clone(), hash],
            exits: vec![Some(0); 4],
            link: Link { whole: 1000, lost: 103, held: 31, cut: 40 },
            back: [Some(2.2), Some(4.5)],
        };
        change(&mut measured);
        let checks = checks(&measured);
        let failed = checks.iter().filter(|check| check.outcome != Outcome::Ok);
        let failed: Vec<&str> = failed.map(|check| &check.id["bad-link-".len()..]).collect();
        assert_eq!(failed, expected);
    }

    #[test]
    fn a_line_or_a_byte_that_is_not_as_it_was_is_found_out() {
        fails(|_| {}, &[]);
        fails(|seen| drop(seen.heard[0].pop()), &["lines", "order"]);
        fails(|seen| seen.heard[1].swap(7, 8), &["order"]);
        fails(|seen| seen.heard[0].insert(3, line(3)), &["lines", "order"]);
        fails(|seen| seen.known[1] -= 1, &["known"]);
        fails(|seen| seen.hashes[1] = short_hash(b"a File"), &["file"]);
        fails(|seen| seen.exits[3] = None, &["exits"]);
        fails(|seen| seen.connections[0] = 2, &["one"]);
        fails(|seen| seen.link.lost = 0, &["lost"]);
        fails(|seen| seen.link.cut = 0, &["middle"]);
        fails(|seen| seen.back = [None; 2], &["back"]);
        fails(|seen| seen.back[0] = Some(4.1), &["back"]);
    }
}
