//! What differed between two runs of the same demo?
//!
//! Each run is taken apart into facts (this check measured that, this counter moved by so much), and the
//! facts of the same name are held against each other.

mod alike;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::findings::{Check, Claim, Fate, Outcome, Series, Story, Table};
use alike::alike;

/// A queue in which nobody was seen to wait: one that is accepted at once waits for less time than lies
/// between two looks.
const SHORT_QUEUE: &str = "at most 1";

/// All that one run showed.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// The stories, in their order.
    pub stories: Vec<Story>,
    /// The claims.
    pub claims: Vec<Claim>,
    /// Why it was not played to its end, if it was not.
    pub trouble: Option<String>,
}

/// Two runs of a demo, held against each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Each story that either of them has.
    pub stories: Vec<Compared>,
    /// The claims, and whether both runs came to their end.
    pub claims: Compared,
}

/// A part of two runs, held against each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The story's name; empty for the claims.
    pub name: String,
    /// What is done in it, in one line.
    pub says: String,
    /// What differs.
    pub differences: Vec<Difference>,
    /// How many facts are the same in both.
    pub same: usize,
}

/// A fact of which the two runs differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind of fact it is.
    pub kind: Kind,
    /// The name of the check or the letter of the claim, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What its table shows, where it is a cell of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// What it is about.
    pub what: String,
    /// How it was in the first run and in the second.
    pub values: [String; 2],
}

/// What kind of fact differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whether something was played.
    Played,
    /// A claim's verdict.
    Claim,
    /// A check.
    Check,
    /// How many packets there were of a kind.
    Packets,
    /// The accept queue.
    Queue,
    /// A value over time.
    Series,
    /// A cell of a table.
    Table,
    /// By how much a counter moved.
    Counter,
}

impl Kind {
    /// The kind in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Played => "played",
            Self::Claim => "claim",
            Self::Check => "check",
            Self::Packets => "packets",
            Self::Queue => "queue",
            Self::Series => "series",
            Self::Table => "table",
            Self::Counter => "counter",
        }
    }

    /// What stands where only the other run has the fact: what is counted was not there.
    const fn missing(self) -> &'static str {
        match self {
            Self::Packets | Self::Counter => "0",
            Self::Queue => SHORT_QUEUE,
            _ => "none",
        }
    }
}

/// One thing that a run showed.
struct Fact {
    kind: Kind,
    id: Option<String>,
    table: Option<String>,
    /// The row and the column, where it is a cell of a table.
    place: Option<(usize, usize)>,
    what: String,
    value: String,
}

impl Fact {
    fn new(kind: Kind, what: impl Into<String>, value: impl Into<String>) -> Self {
        let (what, value) = (what.into(), value.into());
        Self { kind, id: None, table: None, place: None, what, value }
    }

    /// The same, of a check or a claim that has a name.
    fn named(self, id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..self }
    }

    fn is_the_same_as(&self, other: &Self) -> bool {
        (self.kind, &self.table, &self.what) == (other.kind, &other.table, &other.what)
    }

    fn is_in_the_place_of(&self, other: &Self) -> bool {
        self.place.is_some() && (&self.table, self.place) == (&other.table, other.place)
    }
}

/// Holds two runs of a demo against each other.
pub fn compare(first: &Played, second: &Played) -> Comparison {
    let mut names: Vec<&str> = Vec::new();
    for story in first.stories.iter().chain(&second.stories) {
        if !names.contains(&story.name.as_str()) {
            names.push(&story.name);
        }
    }
    let stories = names.into_iter().map(|name| {
        let of = |played: &Played| played.stories.iter().find(|s| s.name == name).cloned();
        let both = [of(first), of(second)];
        let says = both.iter().flatten().map(|story| story.says.clone()).next();
        let compared = match &both {
            [Some(a), Some(b)] => differences(facts(a), facts(b)),
            // Each of its facts would be one difference more.
            [a, b] => {
                let played = |story: &Option<Story>| {
                    let value = if story.is_some() { "yes" } else { "no" };
                    vec![Fact::new(Kind::Played, "the story", value)]
                };
                differences(played(a), played(b))
            }
        };
        Compared { name: name.to_owned(), says: says.unwrap_or_default(), ..compared }
    });
    let claims = |played: &Played| {
        let trouble = played.trouble.as_deref();
        let mut facts = vec![Fact::new(Kind::Played, "to its end", trouble.unwrap_or("yes"))];
        facts.extend(played.claims.iter().map(of_claim));
        facts
    };
    Comparison { stories: stories.collect(), claims: differences(claims(first), claims(second)) }
}

fn differences(first: Vec<Fact>, mut second: Vec<Fact>) -> Compared {
    let mut compared = Compared::default();
    let mut hold = |a: Option<Fact>, b: Option<Fact>| {
        let value = |fact: &Option<Fact>, kind: Kind| {
            fact.as_ref().map_or_else(|| kind.missing().to_owned(), |fact| fact.value.clone())
        };
        let Some(kind) = a.as_ref().or(b.as_ref()).map(|fact| fact.kind) else { return };
        let values = [value(&a, kind), value(&b, kind)];
        if alike(&values[0], &values[1]) {
            compared.same += 1;
        } else if let Some(Fact { kind, id, table, what, .. }) = a.or(b) {
            compared.differences.push(Difference { kind, id, table, what, values });
        }
    };
    let mut take =
        |is_it: &dyn Fn(&Fact) -> bool| second.iter().position(is_it).map(|at| second.remove(at));
    let found: Vec<(Fact, Option<Fact>)> = first
        .into_iter()
        .map(|fact| {
            let other = take(&|other| fact.is_the_same_as(other));
            (fact, other)
        })
        .collect();
    for (fact, other) in found {
        // A row that begins with a time has another name in each run, and is in the same place.
        let other = other.or_else(|| take(&|other| fact.is_in_the_place_of(other)));
        hold(Some(fact), other);
    }
    for fact in second {
        hold(None, Some(fact));
    }
    compared.differences.sort_by_key(|difference| difference.kind);
    compared
}

fn facts(story: &Story) -> Vec<Fact> {
    let mut facts: Vec<Fact> = story.checks.iter().map(of_check).collect();
    facts.extend(of_packets(story));
    if !story.queue.is_empty() {
        let longest = story.queue.iter().map(|sample| sample.length).max().unwrap_or_default();
        let value = if longest > 1 { longest.to_string() } else { SHORT_QUEUE.to_owned() };
        facts.push(Fact::new(Kind::Queue, "longest accept queue", value));
    }
    facts.extend(story.series.iter().flat_map(of_series));
    facts.extend(story.tables.iter().flat_map(of_table));
    facts.extend(story.counters.iter().map(|counter| {
        let moved = format!("{:+}", counter.after - counter.before);
        Fact::new(Kind::Counter, format!("{} {}", counter.host, counter.name), moved)
    }));
    facts
}

fn of_claim(claim: &Claim) -> Fact {
    Fact::new(Kind::Claim, &claim.says, claim.verdict.to_string()).named(&claim.id)
}

fn of_check(check: &Check) -> Fact {
    let value = match &check.outcome {
        Outcome::Ok => format!("ok: {}", check.measured),
        Outcome::Failed => format!("FAILED: {}, expected {}", check.measured, check.expected),
        Outcome::Skipped(why) => format!("skipped: {why}"),
    };
    Fact::new(Kind::Check, &check.says, value).named(&check.id)
}

/// Packets that open, close or void a connection, those sent again, and those that were dropped. How
/// many acknowledgements there are is chance.
fn of_packets(story: &Story) -> Vec<Fact> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |what: String| *counts.entry(what).or_default() += 1;
    for packet in &story.packets {
        let lifeline = story.lifelines.get(packet.from);
        let sender = lifeline.and_then(|name| name.split(' ').next()).unwrap_or("others");
        if ["SYN", "FIN", "RST"].iter().any(|flag| packet.label.contains(flag)) {
            count(format!("{sender}: {}", packet.label));
        }
        if packet.retry > 0 {
            count(format!("{sender}: sent again"));
        }
        match packet.fate {
            Fate::DroppedByKernel(_) => count(format!("{sender}: dropped by its receiver")),
            Fate::DroppedOnTheWire(_) => count(format!("{sender}: lost on the wire")),
            Fate::Taken | Fate::OnTheWay => {}
        }
    }
    let fact = |(what, count): (String, usize)| Fact::new(Kind::Packets, what, count.to_string());
    counts.into_iter().map(fact).collect()
}

fn of_series(Series { says, unit, points }: &Series) -> Vec<Fact> {
    let values = || points.iter().map(|(_, value)| *value);
    let Some(last) = values().next_back() else { return Vec::new() };
    let greatest = values().fold(last, f64::max);
    let fact = |which: &str, value: f64| {
        Fact::new(Kind::Series, format!("{says}, {which}"), format!("{value} {unit}"))
    };
    vec![fact("greatest", greatest), fact("at the end", last)]
}

/// The cells, each named after its row's first cell and its column.
fn of_table(Table { says, columns, rows }: &Table) -> Vec<Fact> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut facts = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let Some((first, cells)) = row.split_first() else { continue };
        let times = seen.entry(first).or_default();
        *times += 1;
        let row = if *times > 1 { format!("{first} ({times})") } else { first.clone() };
        for (at, (column, cell)) in columns.iter().skip(1).zip(cells).enumerate() {
            let (table, place) = (Some(says.clone()), Some((number, at)));
            let fact = Fact::new(Kind::Table, format!("{row}, {column}"), cell);
            facts.push(Fact { table, place, ..fact });
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{CounterLine, PacketLine, QueueLine, Verdict};

    fn story(name: &str, checks: Vec<Check>) -> Story {
        Story { name: name.into(), says: format!("{name} is played"), checks, ..Story::default() }
    }

    fn told(kind: Kind, id: Option<&str>, what: &str, values: [&str; 2]) -> Difference {
        let (id, what) = (id.map(str::to_owned), what.to_owned());
        Difference { kind, id, table: None, what, values: values.map(str::to_owned) }
    }

    #[track_caller]
    fn check(first: Story, second: Story, expected: &[Difference]) {
        let played = |story| Played { stories: vec![story], ..Played::default() };
        let compared = compare(&played(first), &played(second));
        assert_eq!(compared.stories.len(), 1);
        assert_eq!(compared.stories[0].differences, expected);
    }

    #[test]
    fn checks_differ_by_outcome_and_by_what_was_measured() {
        let with = |measured: [u32; 3]| {
            let check = |(id, measured): (&str, u32)| Check::equal(id, id, 6, measured);
            story("s", ["a", "b", "c"].into_iter().zip(measured).map(check).collect())
        };
        let ok_or_not = told(Kind::Check, Some("b"), "b", ["ok: 6", "FAILED: 7, expected 6"]);
        check(with([6, 6, 5]), with([6, 7, 5]), &[ok_or_not]);
        let range = |measured| story("s", vec![Check::within("r", "r", 1..=9, measured)]);
        check(range(3), range(4), &[told(Kind::Check, Some("r"), "r", ["ok: 3", "ok: 4"])]);
        let why = Check::skipped("r", "r", "no wire");
        let skipped = told(Kind::Check, Some("r"), "r", ["ok: 3", "skipped: no wire"]);
        check(range(3), story("s", vec![why]), &[skipped]);
    }

    #[test]
    fn counters_packets_queues_series_and_cells_are_held_against_each_other() {
        let packet = |label: &str, from, retry| PacketLine {
            number: 1,
            from,
            sent_ms: 0.0,
            arrived_ms: None,
            who: String::new(),
            ports: (1, 2),
            label: label.into(),
            len: 0,
            retry,
            fate: Fate::Taken,
            tcp: None,
        };
        let counter = |name: &str, after| CounterLine {
            host: "server".into(),
            name: name.into(),
            before: 1,
            after,
        };
        let cells = |row: [&str; 2]| row.map(str::to_owned).to_vec();
        let table = |got| Table {
            says: "who got what".into(),
            columns: cells(["who", "got"]),
            rows: vec![cells(["one", "all"]), cells(["two", got])],
        };
        let series = |last| Series {
            says: "half-open".into(),
            unit: "sockets".into(),
            points: vec![(0.0, 3.0), (1.0, last)],
        };
        let queue = |length| vec![QueueLine { at_ms: 0.0, length, backlog: 5 }];
        let first = Story {
            lifelines: vec!["client 10.0.0.1".into(), "server 10.0.0.2:7878".into()],
            packets: vec![packet("SYN", 0, 0), packet("ACK", 0, 0)],
            queue: queue(6),
            series: vec![series(1.0)],
            tables: vec![table("all")],
            counters: vec![counter("Drops", 3), counter("Same", 2)],
            ..story("s", vec![])
        };
        let second = Story {
            lifelines: first.lifelines.clone(),
            packets: vec![packet("SYN", 0, 0), packet("SYN", 0, 1)],
            queue: queue(7),
            series: vec![series(2.0)],
            tables: vec![table("nothing")],
            counters: vec![counter("Same", 2)],
            ..story("s", vec![])
        };
        let cell = told(Kind::Table, None, "two, got", ["all", "nothing"]);
        let expected = [
            told(Kind::Packets, None, "client: SYN", ["1", "2"]),
            told(Kind::Packets, None, "client: sent again", ["0", "1"]),
            told(Kind::Queue, None, "longest accept queue", ["6", "7"]),
            told(Kind::Series, None, "half-open, at the end", ["1 sockets", "2 sockets"]),
            Difference { table: Some("who got what".into()), ..cell },
            told(Kind::Counter, None, "server Drops", ["+2", "0"]),
        ];
        check(first, second, &expected);
    }

    /// Rows that begin with a time are the same row at another time.
    #[test]
    fn rows_are_held_against_each_other_by_name_and_else_by_place() {
        let with = |rows: [[&str; 2]; 2]| {
            let table = Table {
                says: "states".into(),
                columns: ["at", "state"].map(str::to_owned).to_vec(),
                rows: rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
            };
            Story { tables: vec![table], ..story("s", vec![]) }
        };
        let times = with([["9.3 ms", "SYN-SENT"], ["73 ms", "ESTAB"]]);
        check(times.clone(), with([["4.0 ms", "SYN-SENT"], ["70 ms", "ESTAB"]]), &[]);
        let other = told(Kind::Table, None, "73 ms, state", ["ESTAB", "CLOSED"]);
        let other = Difference { table: Some("states".into()), ..other };
        check(times, with([["4.0 ms", "SYN-SENT"], ["70 ms", "CLOSED"]]), &[other]);
        let names = with([["a", "1"], ["b", "2"]]);
        check(names, with([["b", "2"], ["a", "1"]]), &[]);
    }

    #[test]
    fn claims_and_stories_that_only_one_run_has_are_told() {
        let claim = |verdict| Claim {
            id: "f".into(),
            says: "it is so".into(),
            verdict,
            because: vec![],
            instead: String::new(),
        };
        let one = Check::equal("x", "x", 1, 1);
        let first = Played {
            stories: vec![story("both", vec![]), story("first", vec![one])],
            claims: vec![claim(Verdict::Partly)],
            trouble: None,
        };
        let second = Played {
            stories: vec![story("both", vec![])],
            claims: vec![claim(Verdict::Refuted)],
            trouble: Some("a program ended".into()),
        };
        let compared = compare(&first, &second);
        let names: Vec<&str> = compared.stories.iter().map(|story| story.name.as_str()).collect();
        assert_eq!(names, ["both", "first"]);
        let missing = told(Kind::Played, None, "the story", ["yes", "no"]);
        assert_eq!(compared.stories[1].differences, [missing]);
        let ends = told(Kind::Played, None, "to its end", ["yes", "a program ended"]);
        let verdicts = told(Kind::Claim, Some("f"), "it is so", ["partly", "refuted"]);
        assert_eq!(compared.claims.differences, [ends, verdicts]);
    }
}
