//! The result of a bench as a person reads it: a table for the terminal, or one for a document.

use std::fmt::Write as _;
use std::time::Duration;

use crate::machine::Machine;
use crate::rounds::Rounds;
use crate::row::{Better, Outcome, Row, Tally};
use crate::session::Peer;

/// What came of one bench.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its name.
    pub bench: &'static str,
    /// The command that measures it again.
    pub command: String,
    /// On what it was measured.
    pub machine: Machine,
    /// In how many rounds.
    pub rounds: Rounds,
    /// How long one measurement took.
    pub time: Duration,
    /// Beside whom.
    pub peers: Vec<Peer>,
    /// The figures.
    pub rows: Vec<Row>,
    /// What belongs below them.
    pub notes: Vec<String>,
}

const HEADINGS: [&str; 7] = ["work", "ours", "peer", "theirs", "ratio", "goal", ""];

impl Report {
    /// The table for a terminal: columns with spaces between, so that `awk` reads it too.
    pub fn text(&self) -> String {
        let mut lines: Vec<[String; 7]> = self.rows.iter().map(cells).collect();
        lines.insert(0, HEADINGS.map(str::to_uppercase));
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
        let widths: Vec<usize> = (0..HEADINGS.len()).filter_map(width).collect();
        let mut text = format!("{}: {}\n", self.bench, self.how());
        for line in &lines {
            let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for line in self.below() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// The table for a document in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for line in [HEADINGS.map(str::to_owned), HEADINGS.map(|_| "---".to_owned())] {
            let _ = writeln!(text, "| {} |", line.join(" | "));
        }
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", cells(row).join(" | "));
        }
        let _ = writeln!(text, "\nMeasured by `{}`: {}.", self.command, self.how());
        for line in self.below() {
            // One sentence per line.
            let _ = writeln!(text, "{}.", line.trim_end_matches('.'));
        }
        text
    }

    fn how(&self) -> String {
        let Rounds { counted } = self.rounds;
        format!(
            "medians of {counted} rounds after a warm-up, lowest and highest in brackets, {:?} a measurement",
            self.time
        )
    }

    fn below(&self) -> impl Iterator<Item = String> {
        let peers = self.peers.iter().map(|Peer { name, version, install }| match install {
            Some(how) => format!("Peer not found: {name}. To install it: {how}"),
            None => format!("Peer: {name}, {version}"),
        });
        let Tally { rows, met, missed, skipped } = Tally::of(&self.rows);
        let tally = format!("Goals: {met} of {rows} met, {missed} missed, {skipped} not measured");
        let machine = format!("Machine: {}", self.machine.line());
        let busy = "Provisional: something else ran on this machine shortly before".to_owned();
        let busy = self.machine.was_busy().then_some(busy);
        self.notes.iter().cloned().chain(peers).chain([machine, tally]).chain(busy)
    }
}

fn cells(row: &Row) -> [String; 7] {
    let unit = row.work.unit;
    let nothing = || "-".to_owned();
    let (ours, theirs, verdict) = match &row.outcome {
        Outcome::Measured { ours, theirs } => {
            let theirs = theirs.as_ref().map(|figures| figures.show(unit));
            let verdict = if row.met() == Some(true) { "met" } else { "MISSED" };
            (ours.show(unit), theirs, verdict.to_owned())
        }
        Outcome::Skipped(why) => (nothing(), None, format!("skipped: {why}")),
    };
    let (sign, of) = match (row.work.better, &row.peer) {
        (Better::More, Some(_)) => (">=", String::new()),
        (Better::Less, Some(_)) => ("<=", String::new()),
        (Better::More, None) => (">=", format!(" {unit}")),
        (Better::Less, None) => ("<=", format!(" {unit}")),
    };
    [
        row.work.name.clone(),
        ours,
        row.peer.clone().unwrap_or_else(nothing),
        theirs.unwrap_or_else(nothing),
        row.ratio().map_or_else(nothing, |ratio| format!("{ratio:.2}")),
        format!("{sign} {}{of}", row.goal),
        verdict,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;
    use crate::row::Work;

    fn report() -> Report {
        let work = Work { name: "work".into(), unit: "msg/s", better: Better::More };
        let measured = |ours, theirs| Row {
            work: work.clone(),
            peer: Some("other".into()),
            goal: 1.0,
            outcome: Outcome::Measured {
                ours: Figures::new(vec![ours]),
                theirs: Some(Figures::new(vec![theirs])),
            },
        };
        let skipped = Row { outcome: Outcome::Skipped("no peer".into()), ..measured(1.0, 1.0) };
        let latency = Row {
            work: Work { name: "wait".into(), unit: "ms", better: Better::Less },
            peer: None,
            goal: 5.5,
            outcome: Outcome::Measured { ours: Figures::new(vec![5.0]), theirs: None },
        };
        Report {
            bench: "name",
            command: "cargo xtask bench name".into(),
            machine: Machine {
                cpu: "CPU".into(),
                cores: 2,
                kernel: "6.1".into(),
                congestion: "cubic".into(),
                rustc: "rustc 1.90.0",
                optimized: true,
                load_before: Some(0.1),
            },
            rounds: Rounds::FULL,
            time: Duration::from_millis(100),
            peers: vec![
                Peer { name: "other", version: "1.2".into(), install: None },
                Peer { name: "far", version: String::new(), install: Some("get it".into()) },
            ],
            rows: vec![measured(4000.0, 2000.0), measured(1.0, 2.0), skipped, latency],
            notes: vec!["A note.".into()],
        }
    }

    #[test]
    fn the_text_is_a_table_with_all_that_belongs_to_it() {
        assert_eq!(
            report().text(),
            "\
name: medians of 5 rounds after a warm-up, lowest and highest in brackets, 100ms a measurement
WORK  OURS                             PEER   THEIRS                           RATIO  GOAL
work  4.00 k msg/s (4.00 k to 4.00 k)  other  2.00 k msg/s (2.00 k to 2.00 k)  2.00   >= 1       met
work  1.00 msg/s (1.00 to 1.00)        other  2.00 msg/s (2.00 to 2.00)        0.50   >= 1       MISSED
work  -                                other  -                                -      >= 1       skipped: no peer
wait  5.00 ms (5.00 to 5.00)           -      -                                -      <= 5.5 ms  met
A note.
Peer: other, 1.2
Peer not found: far. To install it: get it
Machine: CPU, 2 cores, Linux 6.1 with cubic, rustc 1.90.0, load before 0.10
Goals: 2 of 4 met, 1 missed, 1 not measured
"
        );
    }

    #[test]
    fn figures_of_a_busy_machine_are_provisional() {
        let mut busy = report();
        busy.machine.load_before = Some(2.5);
        for (report, provisional) in [(report(), false), (busy, true)] {
            assert_eq!(report.text().contains("\nProvisional: "), provisional);
            assert_eq!(report.markdown().contains("\nProvisional: "), provisional);
        }
    }

    #[test]
    fn the_markdown_is_the_same_table() {
        let text = report().markdown();
        assert!(text.starts_with("| work | ours | peer | theirs | ratio | goal |  |\n| --- |"));
        assert!(text.contains("| wait | 5.00 ms (5.00 to 5.00) | - | - | - | <= 5.5 ms | met |\n"));
        assert!(text.contains("\nMeasured by `cargo xtask bench name`: medians of 5 rounds"));
        assert!(text.contains("\nA note.\nPeer: other, 1.2.\n"));
        assert!(text.ends_with("1 not measured.\n"));
    }
}
