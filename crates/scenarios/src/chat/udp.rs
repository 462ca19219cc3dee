//! Two people talk straight to each other over UDP, both at once, over a link that loses every third
//! datagram of one of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use history::datagrams::{self, Talker};
use netlab::{Lab, Rule, Verdict};
use serde_json::Value;

use super::in_words;
use crate::arrivals::Arrivals;
use crate::claims::Typing;
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Actor, SOON, Stage, Trouble, UDP_PORT};

/// How many lines each of them types.
const LINES: usize = 9;

/// The pause between two lines of one person.
const PAUSE: Duration = Duration::from_millis(20);

/// One line in so many of Alice's is lost.
const EVERY: usize = 3;

/// What the lines of the two begin with.
const OF_ALICE: &str = "你好";
const OF_BOB: &str = "hello";

/// Plays the story; gives back whether one process did both at once.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<Typing>), Trouble> {
    let mut story = Story {
        name: "udp".into(),
        says: "two people type at the same time; every third line of Alice is lost on the way".into(),
        belief: "receiving while typing needs several processes".into(),
        explanation: vec![
            "One process waits for the keyboard and for the socket at the same time (poll(2); in our program \
             tokio's select!). Neither has to wait for the other, and no second process is needed."
                .into(),
            "What UDP loses is lost: nobody notices, and nobody sends it again. Bob cannot even know that a \
             line is missing. What is heard was said, as it was said: a datagram comes whole or not at all."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["alice", "bob"])?;
    let Some(wire) = lab.wire() else {
        story.checks = Check::all_skipped(&CHECKS, "needs a wire that loses: level L0 or L1");
        return Ok((story, None));
    };
    wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    let count = AtomicUsize::new(0);
    let third =
        move |_: &netlab::Packet| count.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1;
    wire.add(Rule::drop("every third is lost").from(lab.host("alice").id()).matching(third));
    let watch = Watch::begin(&lab, UDP_PORT)?;
    let mut alice = chatter(stage, &lab, "alice", "bob")?;
    let mut bob = chatter(stage, &lab, "bob", "alice")?;

    let type_lines = |person: &mut Actor, text: &str| -> Result<(), Trouble> {
        for number in 1..=LINES {
            person.say(&line(text, number))?;
            thread::sleep(PAUSE);
            if number == LINES / 2 {
                // Half way both have something to hear, on a slow machine too. Who is deaf while typing
                // goes on when the time is over, and is found out.
                person.event(SOON, "datagram");
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let typing = scope.spawn(|| type_lines(&mut alice, OF_ALICE));
        type_lines(&mut bob, OF_BOB)?;
        typing.join().expect("typing does not panic")
    })?;
    for (host, person) in [("alice", &alice), ("bob", &bob)] {
        Arrivals { lab: &lab, host, port: UDP_PORT }.are_told_by(person, LINES);
    }
    let family = alice.program.family().map_err(Trouble::io("count the processes of alice"))?;
    let while_typing = heard_while_typing(&alice);
    let seen = watch.end(&lab)?;

    let heard = |person: &Actor| person.events("datagram").len();
    let of_alice = || seen.records.iter().filter(|record| record.from == lab.host("alice").id());
    let lost = of_alice().filter(|record| record.verdict == Verdict::Dropped).count();
    story.set_up = vec![
        format!("alice: udp-peer chat --plain {} {}", address(&lab, "alice"), address(&lab, "bob")),
        format!("bob:   udp-peer chat --plain {} {}", address(&lab, "bob"), address(&lab, "alice")),
        format!("each types {LINES} lines, one every {} ms", PAUSE.as_millis()),
    ];
    story.lifelines = lifelines(&lab, "alice", "bob", UDP_PORT);
    story.tables = vec![Table {
        says: "who said how much, and how much of it was heard".into(),
        columns: ["who", "said", "heard by the other"].map(str::to_owned).to_vec(),
        rows: vec![
            vec!["alice".into(), LINES.to_string(), heard(&bob).to_string()],
            vec!["bob".into(), LINES.to_string(), heard(&alice).to_string()],
        ],
    }];
    let [all, rest, clean, again, processes, both] = CHECKS;
    story.checks = vec![
        Check::equal(all.0, all.1, LINES, heard(&alice)),
        Check::equal(rest.0, rest.1, LINES.saturating_sub(lost), heard(&bob)),
        Check::equal(clean.0, clean.1, "none".to_owned(), violations(&lab, &alice, &bob)),
        Check::equal(again.0, again.1, LINES, of_alice().count()),
        Check::equal(processes.0, processes.1, 1, family.processes),
        Check::within(both.0, both.1, 1..=LINES, while_typing),
    ];
    let mut observer = Observer::new(&seen.records);
    observer.name(UDP_PORT, "both");
    seen.put_into(&mut story, &observer);
    let typing = Typing {
        checks: [processes.0, both.0],
        processes: family.processes,
        heard_while_typing: while_typing,
    };
    Ok((story, Some(typing)))
}

const CHECKS: [(&str, &str); 6] = [
    ("udp-heard", "lines of Bob that Alice hears"),
    ("udp-lost", "lines of Alice that Bob hears: all but what the wire lost"),
    ("udp-history", "lines that were heard and not said, or heard twice"),
    ("udp-not-again", "datagrams that Alice's side sends: each line once"),
    ("one-process", "processes that Alice's program is made of"),
    ("while-typing", "lines that it heard between two lines that were typed"),
];

fn chatter(stage: &Stage, lab: &Lab, name: &str, other: &str) -> Result<Actor, Trouble> {
    let (own, peer) = (address(lab, name).to_string(), address(lab, other).to_string());
    let actor = stage.udp_peer(lab, name, name, &["chat", "--plain", &own, &peer])?;
    actor.expect("listening")?;
    Ok(actor)
}

fn address(lab: &Lab, host: &str) -> SocketAddr {
    SocketAddr::new(lab.host(host).address().into(), UDP_PORT)
}

/// What somebody types.
fn line(text: &str, number: usize) -> String {
    format!("{text} {number}")
}

/// What `history` finds in what the two heard, in words. What is lost is none of it.
fn violations(lab: &Lab, alice: &Actor, bob: &Actor) -> String {
    let from = |event: &Value| {
        let from = event["from"].as_str().unwrap_or_default();
        let is_of = |name: &&&str| address(lab, name).to_string() == from;
        ["alice", "bob"]
            .iter()
            .find(is_of)
            .map_or_else(|| from.to_owned(), |name| (*name).to_owned())
    };
    let payload = |event: &Value| event["text"].as_str().unwrap_or_default().as_bytes().to_vec();
    let talker = |person: &Actor, text: &str| Talker {
        name: person.program.name().to_owned(),
        said: (1..=LINES).map(|number| line(text, number).into_bytes()).collect(),
        heard: person
            .events("datagram")
            .iter()
            .map(|event| (from(event), payload(event)))
            .collect(),
    };
    in_words(&datagrams::check(&[talker(alice, OF_ALICE), talker(bob, OF_BOB)]))
}

/// How many datagrams the program told of between the first and the last line that it sent.
fn heard_while_typing(person: &Actor) -> usize {
    let events = person.all_events();
    let is = |name: &'static str| move |event: &Value| event["event"] == name;
    let first = events.iter().position(is("sent")).unwrap_or(0);
    let last = events.iter().rposition(is("sent")).unwrap_or(0);
    events[first..last.max(first)].iter().filter(|event| is("datagram")(event)).count()
}
