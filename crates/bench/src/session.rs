//! One run of the program: what it measures, what came of it so far, and who hears of that.

use std::io::{self, Write as _};
use std::time::Duration;

use cli::{Events, Exit, Failure};
use serde::Serialize;

use crate::figures::Figures;
use crate::machine::Machine;
use crate::report::Report;
use crate::rounds::Rounds;
use crate::row::{Row, Tally, Work};

/// What the person asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The command that does the same again.
    pub command: String,
    /// How many rounds.
    pub rounds: Rounds,
    /// How long one measurement takes; each bench has its own default.
    pub time: Option<Duration>,
    /// What the names of works begin with that are measured; none for all.
    pub works: Vec<String>,
}

/// Beside whom we measure.
#[derive(Clone, Debug, Serialize)]
pub struct Peer {
    /// As the rows name it.
    pub name: &'static str,
    /// Its version, or what it is where it has none.
    pub version: String,
    /// Where it was not found: how to install it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<String>,
}

/// One figure of one round, with what it cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measured {
    /// In the unit of the work.
    pub value: f64,
    /// How many cores the server under test used, where it is a process of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cores: Option<f64>,
    /// How many cores the load generator used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_cores: Option<f64>,
}

/// Who hears of a run while it goes on.
#[derive(Debug)]
pub enum Audience {
    /// A program: every step is an event on standard output.
    Program(Events),
    /// A person: a line on standard error for each work.
    Person,
    /// Nobody.
    Nobody,
}

/// One run of the program: one bench after the other.
#[derive(Debug)]
pub struct Session {
    plan: Plan,
    machine: Machine,
    audience: Audience,
    reports: Vec<Report>,
}

#[derive(Serialize)]
struct StartEvent<'a> {
    command: &'a str,
    machine: &'a Machine,
    rounds: usize,
}

#[derive(Serialize)]
struct BenchEvent<'a> {
    bench: &'a str,
    peers: &'a [Peer],
}

#[derive(Serialize)]
struct RoundEvent<'a> {
    bench: &'a str,
    work: &'a str,
    contender: &'a str,
    /// 0 is the warm-up.
    round: usize,
    unit: &'a str,
    #[serde(flatten)]
    measured: Measured,
}

#[derive(Serialize)]
struct EndEvent<'a> {
    #[serde(flatten)]
    tally: Tally,
    ok: bool,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

impl Session {
    /// A run as `plan` says, on this machine.
    pub fn start(plan: Plan, audience: Audience) -> Self {
        let machine = Machine::this();
        match &audience {
            Audience::Program(events) => {
                let Plan { command, rounds, .. } = &plan;
                let start = StartEvent { command, machine: &machine, rounds: rounds.counted };
                events.emit("start", &start);
            }
            Audience::Person => say(&machine.line()),
            Audience::Nobody => {}
        }
        Self { plan, machine, audience, reports: Vec::new() }
    }

    /// Begins the bench `bench`, in which one measurement takes `time` if the person has not said
    /// otherwise.
    pub fn begin(&mut self, bench: &'static str, peers: Vec<Peer>, time: Duration) -> Bench<'_> {
        if let Audience::Program(events) = &self.audience {
            events.emit("bench", &BenchEvent { bench, peers: &peers });
        }
        let time = self.plan.time.unwrap_or(time);
        let report = Report {
            bench,
            command: self.plan.command.clone(),
            machine: self.machine.clone(),
            rounds: self.plan.rounds,
            time,
            peers,
            rows: Vec::new(),
            notes: Vec::new(),
        };
        self.reports.push(report);
        let report = self.reports.last_mut().expect("one was pushed");
        Bench { audience: &self.audience, works: &self.plan.works, time, report }
    }

    /// What came of the benches so far.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// All rows so far.
    pub fn tally(&self) -> Tally {
        self.reports.iter().map(|report| Tally::of(&report.rows)).sum()
    }

    /// Tells a program that the run is over.
    pub fn end(&self, exit: Exit, error: Option<&Failure>) {
        if let Audience::Program(events) = &self.audience {
            let (ok, exit) = (exit == Exit::Ok, exit.code());
            events.emit("end", &EndEvent { tally: self.tally(), ok, exit, error });
        }
    }
}

/// One bench of a session.
#[derive(Debug)]
pub struct Bench<'a> {
    audience: &'a Audience,
    works: &'a [String],
    time: Duration,
    report: &'a mut Report,
}

impl Bench<'_> {
    /// Whether the person asked for this work.
    pub fn wants(&self, work: &str) -> bool {
        self.works.is_empty() || self.works.iter().any(|prefix| work.starts_with(prefix))
    }

    /// Whether the person asked for any work whose name begins with `prefix`.
    pub fn wants_any_of(&self, prefix: &str) -> bool {
        let meets =
            |asked: &String| asked.starts_with(prefix) || prefix.starts_with(asked.as_str());
        self.works.is_empty() || self.works.iter().any(meets)
    }

    /// How long one measurement takes.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Measures `work` with each of `contenders` in turn; gives what each reached in the counted rounds.
    pub fn measure(
        &mut self,
        work: &Work,
        contenders: &[&str],
        mut measure: impl FnMut(usize) -> Result<Measured, Failure>,
    ) -> Result<Vec<Vec<Measured>>, Failure> {
        if let Audience::Person = self.audience {
            say(&format!("{} {}", self.report.bench, work.name));
        }
        self.report.rounds.run(contenders.len(), |turn| {
            let measured = measure(turn.contender)?;
            if let Audience::Program(events) = self.audience {
                let round = RoundEvent {
                    bench: self.report.bench,
                    work: &work.name,
                    contender: contenders[turn.contender],
                    round: turn.round,
                    unit: work.unit,
                    measured,
                };
                events.emit("round", &round);
            }
            Ok(measured)
        })
    }

    /// Adds a row to the result.
    pub fn row(&mut self, row: Row) {
        if let Audience::Program(events) = self.audience {
            events.emit("row", &row.event(self.report.bench));
        }
        self.report.rows.push(row);
    }

    /// Adds a sentence that belongs below the table.
    pub fn note(&mut self, note: String) {
        self.report.notes.push(note);
    }
}

impl Measured {
    /// A figure of a loop within this process.
    pub fn alone(value: f64) -> Self {
        Self { value, server_cores: None, load_cores: None }
    }

    /// The figures of several rounds.
    pub fn figures(rounds: &[Self]) -> Figures {
        Figures::new(rounds.iter().map(|measured| measured.value).collect())
    }
}

/// Tells a person how far it is. Where nobody can read it, nobody misses it.
fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
