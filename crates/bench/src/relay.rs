//! What the relay delivers, and at what cost: beside `nats-server` and `redis-server`.
//!
//! One load generator, in this process, speaks the protocols of all three ([`speech`]) over plain TCP
//! on the loopback device. Each server is a process of its own with its default settings, lives through
//! the run, and sleeps while it is not its turn. Every measurement has connections and a room (a subject,
//! a channel) of its own.
//!
//! | works | what one unit is | module |
//! |---|---|---|
//! | `fanout-10x16B` to `fanout-10x16KiB` | a message at one of 10 receivers; the sender writes many at a time | [`flood`] |
//! | `fanout-100x128B-single` | the same with 100 receivers and one write for each message | [`flood`] |
//! | `fanout-10x128B-deep` | as `fanout-10x128B`, with eight times as much on the way | [`flood`] |
//! | `one-to-one-128B`, `four-to-one-128B` | a message at the one receiver | [`flood`] |
//! | `fanout-10x128B-cpu` | nanoseconds of the server's processor time for a message at a receiver | [`flood`] |
//! | `turn-128B-p50`, `turn-128B-p99` | a message there and another one back, one at a time | [`turns`] |
//! | `talk-1000-p99` | how long a message takes to one of 1000 people, beside rounds in which nobody is deaf | [`talk`] |
//! | `talk-1000-p99-ended` | the same with an outbox of 512 KiB, so that who is deaf is ended again and again | [`talk`] |
//! | `idle-10000` | the server's memory for a connection that is logged in, in a room, and silent | [`idle`] |
//!
//! What counts is what has arrived at the receivers. Before the rounds of a work each server does it
//! once more, while every message is read and compared ([`verify`]); in `idle-10000` nothing is said.

pub mod client;
pub mod crowd;
pub mod flood;
pub mod idle;
pub mod peers;
pub mod pump;
pub mod speech;
pub mod talk;
pub mod turns;
pub mod verify;

use std::io;
use std::time::Duration;

use cli::{Exit, Failure};

use crate::cores;
use crate::figures::Figures;
use crate::memory;
use crate::row::{Better, Outcome, Row, Work};
use crate::session::{Bench, Measured, Session};

use crowd::{Shape, Writes};
use peers::{Contender, Found, NATS, OURS, REDIS};
use pump::{DEEP, WINDOW};

/// How long one measurement takes.
const TIME: Duration = Duration::from_secs(2);

/// A work in which messages are delivered as fast as they can be.
struct Flood {
    name: &'static str,
    shape: Shape,
    /// Beside whom, and how many times as much is asked of ours.
    goals: &'static [(&'static str, f64)],
}

const fn batched(senders: usize, receivers: usize, payload: usize) -> Shape {
    Shape { senders, receivers, payload, writes: Writes::Batched, window: WINDOW }
}

const FLOODS: [Flood; 8] = [
    Flood { name: "fanout-10x16B", shape: batched(1, 10, 16), goals: &[(NATS, 8.0), (REDIS, 1.0)] },
    Flood { name: FANOUT_OF_CPU, shape: batched(1, 10, 128), goals: &[(NATS, 5.0), (REDIS, 1.0)] },
    Flood {
        name: "fanout-10x1KiB",
        shape: batched(1, 10, 1024),
        goals: &[(NATS, 4.0), (REDIS, 1.0)],
    },
    Flood {
        name: "fanout-10x16KiB",
        shape: batched(1, 10, 16 * 1024),
        goals: &[(NATS, 3.0), (REDIS, 1.0)],
    },
    Flood {
        // No more is asked than never to fall behind: see `DEEP`.
        name: "fanout-10x128B-deep",
        shape: Shape { window: DEEP, ..batched(1, 10, 128) },
        goals: &[(NATS, 1.0)],
    },
    Flood {
        name: "fanout-100x128B-single",
        shape: Shape { writes: Writes::Single, ..batched(1, 100, 128) },
        goals: &[(NATS, 4.0)],
    },
    Flood { name: "one-to-one-128B", shape: batched(1, 1, 128), goals: &[(NATS, 2.0)] },
    Flood { name: "four-to-one-128B", shape: batched(4, 1, 128), goals: &[(NATS, 2.0)] },
];

/// The work whose processor time has a row of its own, and what part of the peer's ours may take.
const FANOUT_OF_CPU: &str = "fanout-10x128B";
const CPU_GOAL: f64 = 0.25;

/// What part of the peer's time a message there and back may take.
const TURN: &str = "turn-128B";
const TURN_GOAL: f64 = 1.0;
const TURN_PAYLOAD: usize = 128;

/// How many people talk while one does not read, what part of the time without him a message may take,
/// and as what those rounds are named in which everybody reads.
///
/// By default it takes longer than a round until who does not read is ended; with a small outbox that
/// happens again and again.
const TALKS: [(&str, &[&str]); 2] =
    [("talk-1000-p99", &[]), ("talk-1000-p99-ended", &["--outbox", "512K"])];
const TALKERS: usize = 1000;
const TALK_GOAL: f64 = 1.25;
const NOBODY_DEAF: &str = "everybody reads";

/// How many idle connections there are, and how much memory each may take.
const IDLE: &str = "idle-10000";
const IDLE_CLIENTS: usize = 10_000;
const IDLE_GOAL: f64 = 3.0 * 1024.0;

/// Measures every work.
pub fn run(session: &mut Session) -> Result<(), Failure> {
    let found = Found::look();
    let mut bench = session.begin("relay", found.peers(), TIME);
    bench.note(format!(
        "Servers share the machine with the load generator, which is one thread; no more than {} KiB \
         ({} KiB in the work that ends in -deep) were on the way to the slowest receiver",
        WINDOW / 1024,
        DEEP / 1024
    ));
    let contenders = found.start(&[OURS, NATS, REDIS])?;
    for flood in &FLOODS {
        run_flood(&mut bench, flood, &contenders, &found)?;
    }
    drop(contenders);
    if bench.wants(TURN) {
        run_turns(&mut bench, &found)?;
    }
    for (name, options) in TALKS {
        if bench.wants(name) {
            run_talk(&mut bench, &found, name, options)?;
        }
    }
    if bench.wants(IDLE) {
        run_idle(&mut bench, &found)?;
    }
    Ok(())
}

/// Those of `contenders` that a work is measured with: ours first. `None` where there is no peer.
fn take_part<'a>(contenders: &'a [Contender], peers: &[&str]) -> Option<Vec<&'a Contender>> {
    let named = |name: &str| contenders.iter().find(|contender| contender.name() == name);
    let ours = named(OURS)?;
    let peers: Vec<_> = peers.iter().filter_map(|name| named(name)).collect();
    (!peers.is_empty()).then(|| [vec![ours], peers].concat())
}

fn run_flood(
    bench: &mut Bench<'_>,
    flood: &Flood,
    contenders: &[Contender],
    found: &Found,
) -> Result<(), Failure> {
    if !bench.wants(flood.name) {
        return Ok(());
    }
    let work = Work { name: flood.name.into(), unit: "msg/s", better: Better::More };
    let has_cpu = flood.name == FANOUT_OF_CPU;
    let cpu_work =
        Work { name: format!("{}-cpu", flood.name), unit: "ns/msg", better: Better::Less };
    let peers: Vec<_> = flood.goals.iter().map(|&(peer, _)| peer).collect();
    let mut reached = Reached::default();
    if let Some(taking_part) = take_part(contenders, &peers) {
        for contender in &taking_part {
            verify::run(contender.target(), flood.shape)
                .map_err(|error| failed("verify", contender, flood.name, &error))?;
        }
        let time = bench.time();
        reached = measure(bench, &work, &taking_part, |contender| {
            flood::run(contender.target(), contender.pid(), flood.shape, time)
        })?;
    }
    for &(peer, goal) in flood.goals {
        bench.row(reached.row(&work, peer, goal, found, |round| round.value));
    }
    if has_cpu {
        bench.row(reached.row(&cpu_work, NATS, CPU_GOAL, found, nanoseconds));
    }
    for (name, rounds) in &reached.of {
        bench.note(format!("{}: {}", flood.name, used(name, rounds)));
    }
    Ok(())
}

/// The server's processor time for each message.
fn nanoseconds(round: &Measured) -> f64 {
    round.server_cores.unwrap_or(f64::NAN) / round.value * 1e9
}

fn used(name: &str, rounds: &[Measured]) -> String {
    let median = |of: fn(&Measured) -> f64| Figures::new(rounds.iter().map(of).collect()).median();
    let load = |round: &Measured| round.load_cores.unwrap_or(f64::NAN);
    format!(
        "{name} used {:.2} cores, {:.0} ns a message; its load generator {:.2} cores, {:.0} ns",
        median(|round| round.server_cores.unwrap_or(f64::NAN)),
        median(nanoseconds),
        median(load),
        median(|round| round.load_cores.unwrap_or(f64::NAN) / round.value * 1e9),
    )
}

/// The servers are started for this work on a core of their own, and the clients join them there: with
/// one message under way each side sleeps while the other works, and on which core it wakes is the
/// scheduler's choice, which is ten times as much as what is to be measured (see [`cores::beside`]).
fn run_turns(bench: &mut Bench<'_>, found: &Found) -> Result<(), Failure> {
    let work = |percent: &str| Work {
        name: format!("{TURN}-{percent}"),
        unit: "us",
        better: Better::Less,
    };
    let (middle, tail) = (work("p50"), work("p99"));
    let mut reached = [Reached::default(), Reached::default()];
    if found.has(NATS) {
        let (contenders, _apart) =
            cores::apart(|| found.start(&[OURS, NATS])).map_err(cores::failure)?;
        let contenders = contenders?;
        let taking_part: Vec<&Contender> = contenders.iter().collect();
        for contender in &taking_part {
            turns::verify(contender.target(), TURN_PAYLOAD)
                .map_err(|error| failed("verify", contender, TURN, &error))?;
        }
        let time = bench.time();
        let mut tails = vec![Vec::new(); taking_part.len()];
        reached[0] = measure(bench, &middle, &taking_part, |contender| {
            let turn = || turns::run(contender.target(), TURN_PAYLOAD, time);
            let turns = cores::beside(contender.pid(), turn)??;
            let at = taking_part.iter().position(|other| other.name() == contender.name());
            tails[at.expect("it takes part")].push(Measured::alone(turns.p99));
            Ok(turns.p50)
        })?;
        reached[1].of = taking_part
            .iter()
            // The first one was the warm-up.
            .zip(tails.into_iter().map(|tails| tails[1..].to_vec()))
            .map(|(contender, tails)| (contender.name(), tails))
            .collect();
        bench.note(format!("{TURN}: server and clients on one core"));
    }
    for (work, reached) in [middle, tail].iter().zip(&reached) {
        bench.row(reached.row(work, NATS, TURN_GOAL, found, |round| round.value));
    }
    Ok(())
}

/// A thousand people talk, with somebody among them who never reads and without.
fn run_talk(
    bench: &mut Bench<'_>,
    found: &Found,
    name: &str,
    options: &[&str],
) -> Result<(), Failure> {
    let work = Work { name: name.into(), unit: "us", better: Better::Less };
    let peer = Some(NOBODY_DEAF.to_owned());
    if let Err(why) = memory::raise_limit(2 * TALKERS) {
        bench.row(Row { work, peer, goal: TALK_GOAL, outcome: Outcome::Skipped(why) });
        return Ok(());
    }
    let contender = found.start_ours(options)?;
    let time = bench.time();
    talk::verify(contender.target(), TALKERS, time)
        .map_err(|error| failed("verify", &contender, name, &error))?;
    let mut ended = Vec::new();
    let rounds = bench.measure(&work, &["somebody deaf", NOBODY_DEAF], |at| {
        let talked = talk::run(contender.target(), TALKERS, at == 0, time)
            .map_err(|error| failed("measure", &contender, &work.name, &error))?;
        ended.extend((at == 0).then_some(talked.ended));
        Ok(Measured::alone(talked.p99))
    })?;
    let [ours, theirs] = [0, 1].map(|at: usize| Measured::figures(&rounds[at]));
    let range = (ended.iter().min().unwrap_or(&0), ended.iter().max().unwrap_or(&0));
    bench.note(format!(
        "{}: {} messages a second to {TALKERS} people; who does not read was ended as TooSlow and came \
         back {} to {} times a round",
        work.name,
        talk::RATE,
        range.0,
        range.1
    ));
    let outcome = Outcome::Measured { ours, theirs: Some(theirs) };
    bench.row(Row { work, peer, goal: TALK_GOAL, outcome });
    Ok(())
}

fn run_idle(bench: &mut Bench<'_>, found: &Found) -> Result<(), Failure> {
    let work = Work { name: IDLE.into(), unit: "B", better: Better::Less };
    if let Err(why) = memory::raise_limit(IDLE_CLIENTS) {
        bench.row(Row { work, peer: None, goal: IDLE_GOAL, outcome: Outcome::Skipped(why) });
        return Ok(());
    }
    let names: Vec<_> = [OURS, NATS].into_iter().filter(|&name| found.has(name)).collect();
    let rounds = bench.measure(&work, &names, |at| {
        let contender = found.start_one(names[at])?;
        let memory = idle::run(contender.target(), contender.pid(), IDLE_CLIENTS)
            .map_err(|error| failed("measure", &contender, &work.name, &error))?;
        Ok(Measured::alone(memory))
    })?;
    let figures: Vec<_> = rounds.iter().map(|rounds| Measured::figures(rounds)).collect();
    if let Some(theirs) = figures.get(1) {
        bench.note(format!("{}: {NATS} took {}", work.name, theirs.show("B")));
    }
    let outcome = Outcome::Measured { ours: figures[0].clone(), theirs: None };
    bench.row(Row { work, peer: None, goal: IDLE_GOAL, outcome });
    Ok(())
}

/// What the contenders reached in the rounds that count.
#[derive(Default)]
struct Reached {
    of: Vec<(&'static str, Vec<Measured>)>,
}

impl Reached {
    fn row(
        &self,
        work: &Work,
        peer: &str,
        goal: f64,
        found: &Found,
        value: fn(&Measured) -> f64,
    ) -> Row {
        let figures = |name: &str| {
            let (_, rounds) = self.of.iter().find(|(contender, _)| *contender == name)?;
            Some(Figures::new(rounds.iter().map(value).collect()))
        };
        let outcome = match (figures(OURS), figures(peer)) {
            (Some(ours), Some(theirs)) => Outcome::Measured { ours, theirs: Some(theirs) },
            _ => Outcome::Skipped(found.why_not(peer)),
        };
        Row { work: work.clone(), peer: Some(peer.into()), goal, outcome }
    }
}

fn measure(
    bench: &mut Bench<'_>,
    work: &Work,
    contenders: &[&Contender],
    mut once: impl FnMut(&Contender) -> io::Result<Measured>,
) -> Result<Reached, Failure> {
    let names: Vec<_> = contenders.iter().map(|contender| contender.name()).collect();
    let rounds = bench.measure(work, &names, |at| {
        once(contenders[at]).map_err(|error| failed("measure", contenders[at], &work.name, &error))
    })?;
    Ok(Reached { of: names.into_iter().zip(rounds).collect() })
}

fn failed(what: &str, contender: &Contender, work: &str, error: &io::Error) -> Failure {
    let operation = format!("cannot {what} {} at {work}", contender.name());
    Failure::from_io(Exit::Failed, &operation, error)
}
