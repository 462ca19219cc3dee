//! What a run found, as plain data. Every report is made from it and from nothing else.
//!
//! Two things are kept apart. A [`Check`] is what a scenario expects of the kernel, from its sources;
//! the exit code follows the checks. A [`Claim`] is what people say; its verdict follows from what was
//! measured. A refuted claim with all checks good is a success.

mod check;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use check::{Check, Outcome};

use crate::options::Options;

/// What a run is and where it was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SetUp {
    /// The demo's name.
    pub demo: String,
    /// The question that it answers.
    pub question: String,
    /// How much of the lab the machine let it have: `L0`, `L1` or `L2`.
    pub level: String,
    /// The level in words.
    pub level_words: String,
    /// The kernel, as `uname -sr` gives it.
    pub kernel: String,
    /// Where rules that play dice begin.
    pub seed: u64,
    /// What else decides what is played.
    #[serde(default, skip_serializing_if = "Options::is_empty")]
    pub options: Options,
}

impl SetUp {
    /// What plays it again as it was played.
    pub fn command(&self) -> String {
        let mut words = vec![format!("cargo xtask demo {}", self.demo)];
        words.extend((!self.options.is_empty()).then(|| self.options.to_string()));
        words.extend((self.seed != 1).then(|| format!("--seed {}", self.seed)));
        words.join(" ")
    }
}

/// One story of a demo: a set-up, what happened, and what was checked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Story {
    /// Its name within the demo.
    pub name: String,
    /// What is done, in one line.
    pub says: String,
    /// What people believe will happen.
    pub belief: String,
    /// The command lines and the knobs that matter.
    pub set_up: Vec<String>,
    /// The two lifelines of the ladder: a name and an address.
    pub lifelines: Vec<String>,
    /// The packets, in the order in which they were sent.
    #[serde(skip)]
    pub packets: Vec<PacketLine>,
    /// How many packets were recorded and are not among them, and whose they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_drawn: Option<String>,
    /// Lengths of the accept queue, over time.
    #[serde(skip)]
    pub queue: Vec<QueueLine>,
    /// The states of connections, over time.
    #[serde(skip)]
    pub lanes: Vec<Lane>,
    /// Other values over time.
    #[serde(skip)]
    pub series: Vec<Series>,
    /// Counters that moved.
    #[serde(skip)]
    pub counters: Vec<CounterLine>,
    /// What was seen, as tables.
    #[serde(skip)]
    pub tables: Vec<Table>,
    /// What the kernel did, in words.
    #[serde(skip)]
    pub explanation: Vec<String>,
    /// What was expected and what was measured.
    #[serde(skip)]
    pub checks: Vec<Check>,
    /// The recording as a pcapng file.
    #[serde(skip)]
    pub capture: Option<Vec<u8>>,
}

impl Story {
    /// How many of its checks were measured otherwise than expected.
    pub fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.outcome == Outcome::Failed).count()
    }

    /// Of a story that was not played, says why, and nothing of what it would have shown.
    pub fn say_only_what_was_seen(&mut self) {
        let was_played = !(self.packets.is_empty()
            && self.tables.is_empty()
            && self.series.is_empty()
            && self.counters.is_empty());
        let mut reasons: Vec<&str> = Vec::new();
        for check in &self.checks {
            match &check.outcome {
                Outcome::Skipped(why) if !reasons.contains(&&**why) => reasons.push(why),
                Outcome::Skipped(_) => {}
                Outcome::Ok | Outcome::Failed => return,
            }
        }
        if !was_played && !reasons.is_empty() {
            self.explanation = vec![format!("This was not played ({}).", reasons.join("; "))];
        }
    }

    /// Where a check came out otherwise than expected, takes back what the explanation says of it: most
    /// explanations tell what is expected.
    pub fn take_back_what_was_otherwise(&mut self) {
        let (failed, all) = (self.failed(), self.checks.len());
        if failed > 0 && !self.explanation.is_empty() {
            self.explanation.push(format!(
                "Here {failed} of {all} checks came out otherwise than expected. Where they differ from what \
                 is said above, they are what happened in this run."
            ));
        }
    }
}

/// One packet of a ladder. Times are in milliseconds since the story's first packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketLine {
    /// Its number in the recording, as Wireshark counts.
    pub number: usize,
    /// The lifeline that sent it.
    pub from: usize,
    /// When it was sent.
    pub sent_ms: f64,
    /// When it arrived, if it did.
    pub arrived_ms: Option<f64>,
    /// Who talks: the name of the client, or its port.
    pub who: String,
    /// The ports of sender and receiver.
    pub ports: (u16, u16),
    /// What it says: `SYN, ACK`.
    pub label: String,
    /// Bytes of data that it carries.
    pub len: usize,
    /// How many times the same was sent before.
    pub retry: u32,
    /// What became of it.
    pub fate: Fate,
    /// Where it is in the stream of its connection; none of what is no segment of TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<Segment>,
}

/// Where a segment is in its stream. Numbers count from the SYN of each direction, which is number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The number of its first byte.
    pub seq: i64,
    /// The number of the byte that its sender expects next, where that is known.
    pub ack: Option<i64>,
    /// How many bytes its sender has room for, from `ack` on.
    pub window: u64,
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It arrived, and the kernel took it.
    Taken,
    /// It arrived, and the kernel dropped it.
    DroppedByKernel(String),
    /// It never arrived.
    DroppedOnTheWire(String),
    /// The recording ended before it arrived.
    OnTheWay,
}

/// The accept queue at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueLine {
    /// Milliseconds since the story's first packet.
    pub at_ms: f64,
    /// Connections that wait.
    pub length: u32,
    /// The backlog.
    pub backlog: u32,
}

/// The states that one end of a connection went through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// The host that has this end.
    pub host: String,
    /// Who talks: the name of the client, or its port.
    pub who: String,
    /// Its own port and that of its peer.
    pub ports: (u16, u16),
    /// When each state was first seen, in milliseconds of the story, and its name in `ss`; or `gone`.
    pub states: Vec<(f64, String)>,
}

/// A value over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What it is the value of.
    pub says: String,
    /// Its unit: `ms`, `half-open`.
    pub unit: String,
    /// Its changes: milliseconds since the story's first packet, and the value from then on.
    pub points: Vec<(f64, f64)>,
}

/// A counter that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterLine {
    /// The host whose kernel counted.
    pub host: String,
    /// The name that nstat gives it.
    pub name: String,
    /// Its value before.
    pub before: i64,
    /// Its value after.
    pub after: i64,
}

/// Something that is best read as rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub says: String,
    /// The headings.
    pub columns: Vec<String>,
    /// The rows, each as long as the headings.
    pub rows: Vec<Vec<String>>,
}

/// What people say, and what the run says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The letter of the claim.
    pub id: String,
    /// What is claimed.
    pub says: String,
    /// What the run says of it.
    pub verdict: Verdict,
    /// The checks that measured it.
    pub because: Vec<String>,
    /// What is so instead, in one or two sentences.
    pub instead: String,
}

/// What a run says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is so.
    Confirmed,
    /// It is not so.
    Refuted,
    /// A part of it is so, or only a part of it could be seen here.
    Partly,
    /// Nothing of it could be seen here.
    Skipped,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Partly => "partly",
            Self::Skipped => "skipped",
        })
    }
}

/// A host that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHost {
    /// The story it was made for; none where stories were played side by side.
    pub story: Option<String>,
    /// Its name.
    pub host: String,
    /// Its address.
    pub address: String,
    /// The number that stands for it in every other terminal.
    pub pid: u32,
    /// What one types there to be in it.
    pub command: String,
}

/// How many checks there were, for the last line and the exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All of them.
    pub checks: usize,
    /// Those that were measured otherwise than expected.
    pub failed: usize,
    /// Those that could not be measured.
    pub skipped: usize,
}

impl Tally {
    /// Counts the checks of a story in.
    pub fn add(&mut self, story: &Story) {
        story.checks.iter().for_each(|check| self.count(check));
    }

    /// Counts one check in.
    pub fn count(&mut self, check: &Check) {
        self.checks += 1;
        match check.outcome {
            Outcome::Ok => {}
            Outcome::Failed => self.failed += 1,
            Outcome::Skipped(_) => self.skipped += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_otherwise_than_expected_is_not_told_as_if_it_were_so() {
        let story = |oks: &[bool]| {
            let check = |ok: &bool| Check::new("x", "y", "1".into(), "2".into(), *ok);
            let mut story = Story {
                explanation: vec!["It is so.".to_owned()],
                checks: oks.iter().map(check).collect(),
                ..Story::default()
            };
            story.take_back_what_was_otherwise();
            story.explanation
        };
        assert_eq!(story(&[true, true]), ["It is so."]);
        let told = story(&[true, false, true]);
        assert!(told.len() == 2 && told[1].starts_with("Here 1 of 3 checks"), "{told:?}");
    }
}
