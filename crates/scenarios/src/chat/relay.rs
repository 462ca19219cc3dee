//! Three people talk through a relay at the same time: two with `tcp-client chat`, one as `nc` would.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use history::{Acknowledged, Frame};
use netlab::{Lab, Rule};
use serde_json::Value;

use super::in_words;
use crate::claims::Typing;
use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Watch, lifelines};
use crate::stage::{Actor, RELAY_PORT, SOON, Stage, Trouble, until};

/// How many lines each of them types.
const LINES: usize = 8;

/// How many lines of the conversation the report shows.
const ROWS: usize = 6;

/// The pause between two lines of one person.
const PAUSE: Duration = Duration::from_millis(10);

const ALL: usize = 3 * LINES;

/// What `history` calls the room, of which the clients know the name.
const LOBBY: u32 = 1;

/// Plays the story; gives back whether one process did both at once.
pub(super) fn play(stage: &Stage) -> Result<(Story, Typing), Trouble> {
    let lab = stage.lab(&["alice", "server", "others"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let (relay, address) = start_relay(stage, &lab, &[])?;
    let watch = Watch::begin(&lab, address.port())?;
    let mut alice = chatter(stage, &lab, "alice", "alice", address)?;
    let mut carol = chatter(stage, &lab, "others", "carol", address)?;
    let mut bob = stage.client(&lab, "others", "bob", address, &[])?;
    bob.say("/nick bob")?;
    bob.say("/join lobby")?;
    until("bob in the lobby", || {
        Ok(heard_as_text(&bob).contains("you are in lobby").then_some(()))
    })?;

    let heard_while_typing = type_together(&mut alice, &mut carol, &mut bob)?;
    until("everything that was said", || {
        let heard = [&alice, &carol].iter().all(|person| person.events("said").len() >= ALL);
        let taken = [&alice, &carol].iter().all(|person| person.events("sent").len() >= LINES);
        Ok((heard && taken && lines_of(&bob).len() >= ALL).then_some(()))
    })?;
    let family = alice.program.family().map_err(Trouble::io("count the processes of alice"))?;
    let mut seen = watch.end(&lab)?;

    let mut story = Story {
        name: "relay".into(),
        says: "three people type at the same time; one of them has only what nc has".into(),
        belief: "a server in the middle can serve one of them at a time".into(),
        set_up: vec![
            format!("server: relay serve {address} --open-to-network"),
            format!("alice, carol: tcp-client chat {address}"),
            format!("bob: tcp-client {address}, which sends lines as nc does"),
            format!("each types {LINES} lines, one every {} ms", PAUSE.as_millis()),
        ],
        lifelines: lifelines(&lab, "alice", "server", address.port()),
        explanation: vec![
            "The relay gives every message its place in the room's order and sends the same bytes to \
             everybody. So all three read the same conversation, whoever typed when, and whatever program \
             they use."
                .into(),
        ],
        ..Story::default()
    };
    let orders = [texts_of(&alice), texts_of(&carol), lines_of(&bob)];
    story.tables = vec![Table {
        says: "the first lines, as each of them read them".into(),
        columns: ["alice", "carol", "bob"].map(str::to_owned).to_vec(),
        rows: (0..ROWS.min(ALL))
            .map(|row| orders.iter().map(|o| o[row].clone()).collect())
            .collect(),
    }];
    story.checks = checks(&alice, &carol, &orders);
    let [.., processes, both] = CHECKS;
    story.checks.push(Check::equal(processes.0, processes.1, 1, family.processes));
    story.checks.push(Check::within(both.0, both.1, 1..=2 * LINES, heard_while_typing));
    story.not_drawn = seen.hide(lab.host("others"), "carol and bob");
    let mut observer = Observer::new(&seen.records);
    observer.name(alice.local_port()?, "alice");
    seen.put_into(&mut story, &observer);
    drop(relay);
    let checks = [processes.0, both.0];
    Ok((story, Typing { checks, processes: family.processes, heard_while_typing }))
}

/// All three type at the same time; gives how many lines of the others Alice heard before she was done.
fn type_together(alice: &mut Actor, carol: &mut Actor, bob: &mut Actor) -> Result<usize, Trouble> {
    let type_lines = |person: &mut Actor, text: &str, numbers: RangeInclusive<usize>| {
        numbers.into_iter().try_for_each(|number| {
            person.say(&format!("{text} {number}"))?;
            thread::sleep(PAUSE);
            Ok::<(), Trouble>(())
        })
    };
    // The others begin when Alice has typed a line: what she hears, she hears while she types.
    let begin = Barrier::new(3);
    thread::scope(|scope| {
        let alice = scope.spawn(|| {
            let first = alice.say("你好 1");
            begin.wait();
            first?;
            type_lines(alice, "你好", 2..=LINES / 2)?;
            // Half way she has something to hear, on a slow machine too. Who is deaf while typing goes on
            // when the time is over, and is found out.
            alice.event_where(SOON, "said", is_of_another);
            let heard = alice.events("said").into_iter().filter(is_of_another).count();
            type_lines(alice, "你好", LINES / 2 + 1..=LINES)?;
            Ok::<usize, Trouble>(heard)
        });
        let carol = scope.spawn(|| {
            begin.wait();
            type_lines(carol, "hello", 1..=LINES)
        });
        begin.wait();
        type_lines(bob, "hi", 1..=LINES)?;
        carol.join().expect("typing does not panic")?;
        alice.join().expect("typing does not panic")
    })
}

/// Whether Alice hears this from somebody else.
fn is_of_another(said: &Value) -> bool {
    said["name"] != "alice"
}

const CHECKS: [(&str, &str); 6] = [
    ("relay-heard", "lines that each of the three has read, of twenty-four"),
    ("relay-history", "gaps, repeats, losses and second orders in what they saw"),
    ("relay-lines", "lines that stand elsewhere for bob, who sees no numbers"),
    ("relay-taken", "lines that the relay told alice and carol it has taken"),
    ("relay-one-process", "processes that Alice's program is made of"),
    ("relay-while-typing", "lines of others that it heard between two lines that were typed"),
];

/// Starts the relay on the host "server", with these options besides.
pub(super) fn start_relay(
    stage: &Stage,
    lab: &Lab,
    options: &[&str],
) -> Result<(Actor, SocketAddr), Trouble> {
    let port = if stage.level.has_namespaces() { RELAY_PORT } else { 0 };
    let own = SocketAddr::new(lab.host("server").address().into(), port);
    let mut command = Command::new(stage.programs.join("relay"));
    command.args(["serve", &own.to_string(), "--open-to-network", "--format", "json", "--quiet"]);
    command.args(options);
    let relay = Actor::start(lab, "server", "relay", command)?;
    let address = relay.listens_at()?;
    Ok((relay, address))
}

/// Starts somebody who talks there with frames, and is in the lobby.
pub(super) fn chatter(
    stage: &Stage,
    lab: &Lab,
    host: &str,
    name: &str,
    relay: SocketAddr,
) -> Result<Actor, Trouble> {
    let mut command = Command::new(stage.programs.join("tcp-client"));
    command.args(["chat", &relay.to_string(), "--name", name, "--format", "json", "--quiet"]);
    let actor = Actor::start(lab, host, name, command)?;
    actor.expect("joined")?;
    Ok(actor)
}

/// What a client of lines has been sent.
fn heard_as_text(lines: &Actor) -> String {
    lines.events("data").iter().filter_map(|event| event["text"].as_str()).collect()
}

/// The lines of people, without those of the relay itself.
fn lines_of(lines: &Actor) -> Vec<String> {
    let heard = heard_as_text(lines);
    heard.lines().filter(|line| !line.starts_with("* ")).map(str::to_owned).collect()
}

fn texts_of(person: &Actor) -> Vec<String> {
    let text = |said: &Value| {
        let (name, text) = (said["name"].as_str()?, said["text"].as_str()?);
        Some(format!("{name}: {text}"))
    };
    person.events("said").iter().filter_map(text).collect()
}

fn checks(alice: &Actor, carol: &Actor, orders: &[Vec<String>; 3]) -> Vec<Check> {
    let [heard, clean, lines, taken, ..] = CHECKS;
    let counts: Vec<String> = orders.iter().map(|order| order.len().to_string()).collect();
    let sent = alice.events("sent").len() + carol.events("sent").len();
    let violations = violations(alice, carol);
    let elsewhere = orders[0].iter().zip(&orders[2]).filter(|(alice, bob)| alice != bob).count();
    let all = ALL.to_string();
    vec![
        Check::equal(heard.0, heard.1, [&*all; 3].join(", "), counts.join(", ")),
        Check::equal(clean.0, clean.1, "none".to_owned(), violations),
        Check::equal(lines.0, lines.1, 0, elsewhere),
        Check::equal(taken.0, taken.1, 2 * LINES, sent),
    ]
}

/// What `history` finds in what the two clients of frames saw, in words.
fn violations(alice: &Actor, carol: &Actor) -> String {
    let number = |event: &Value, field: &str| event[field].as_u64().unwrap_or_default();
    let person = |event: &Value| u32::try_from(number(event, "from")).unwrap_or_default();
    let client = |actor: &Actor| {
        let you = actor.events("welcome").first().map_or(0, |welcome| number(welcome, "you"));
        let payload =
            |event: &Value| event["text"].as_str().unwrap_or_default().as_bytes().to_vec();
        let (sent, said) = (actor.events("sent"), actor.events("said"));
        history::Client {
            name: actor.program.name().to_owned(),
            person: u32::try_from(you).unwrap_or_default(),
            said: sent.iter().map(|event| (LOBBY, number(event, "id"), payload(event))).collect(),
            acknowledged: sent
                .iter()
                .map(|event| Acknowledged {
                    room: LOBBY,
                    id: number(event, "id"),
                    seq: number(event, "seq"),
                })
                .collect(),
            received: said
                .iter()
                .map(|event| Frame {
                    room: LOBBY,
                    seq: number(event, "seq"),
                    from: person(event),
                    id: number(event, "id"),
                    payload: payload(event),
                })
                .collect(),
            stayed: true,
        }
    };
    let (alice, carol) = (client(alice), client(carol));
    // Bob is told no numbers; his lines are numbered from 1 by the relay, in the order of his typing.
    let others = [alice.person, carol.person];
    let from_bob = alice.received.iter().find(|frame| !others.contains(&frame.from));
    let bob = history::Client {
        name: "bob".to_owned(),
        person: from_bob.map_or(0, |frame| frame.from),
        said: (1..=LINES)
            .map(|number| (LOBBY, number as u64, format!("hi {number}").into_bytes()))
            .collect(),
        ..history::Client::default()
    };
    in_words(&history::check(&[alice, carol, bob]))
}
