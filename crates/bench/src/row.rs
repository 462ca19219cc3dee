//! What one row of a result says: ours, theirs, the goal, and whether it was met.

use std::iter::Sum;

use serde::Serialize;

use crate::figures::Figures;

/// What is measured, and what is asked of it.
#[derive(Clone, Debug)]
pub struct Work {
    /// The name, short and without spaces: `run64-16B`.
    pub name: String,
    /// What a figure counts: `frame/s`.
    pub unit: &'static str,
    /// Which way is up.
    pub better: Better,
}

/// Whether more is better, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Such as messages per second: the goal is the smallest ratio.
    More,
    /// Such as a latency: the goal is the largest ratio.
    Less,
}

/// One row: a work, and one peer beside which it was measured.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub work: Work,
    /// Beside what; `None` where the goal is an absolute figure.
    pub peer: Option<String>,
    /// What ours divided by theirs must reach; where there is no peer, what ours must reach.
    pub goal: f64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a row.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was measured.
    Measured {
        /// Our figures.
        ours: Figures,
        /// The peer's, where there is one.
        theirs: Option<Figures>,
    },
    /// It was not measured, for this reason. That is not a goal met.
    Skipped(String),
}

/// A row in JSON.
#[derive(Debug, Serialize)]
pub struct RowEvent<'a> {
    bench: &'a str,
    work: &'a str,
    ours: Option<f64>,
    unit: &'static str,
    peer: Option<&'a str>,
    theirs: Option<f64>,
    ratio: Option<f64>,
    goal: f64,
    better: Better,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'a str>,
}

/// How many rows met their goals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All rows.
    pub rows: usize,
    /// Those that met their goals.
    pub met: usize,
    /// Those that did not.
    pub missed: usize,
    /// Those that were not measured.
    pub skipped: usize,
}

impl Row {
    /// The median of ours divided by that of theirs.
    pub fn ratio(&self) -> Option<f64> {
        match &self.outcome {
            Outcome::Measured { ours, theirs: Some(theirs) } => {
                Some(ours.median() / theirs.median())
            }
            _ => None,
        }
    }

    /// Whether the goal was met; `None` where nothing was measured.
    pub fn met(&self) -> Option<bool> {
        let Outcome::Measured { ours, .. } = &self.outcome else { return None };
        let reached = self.ratio().unwrap_or_else(|| ours.median());
        Some(match self.work.better {
            Better::More => reached >= self.goal,
            Better::Less => reached <= self.goal,
        })
    }

    /// The row as an event of the bench `bench`.
    pub fn event<'a>(&'a self, bench: &'a str) -> RowEvent<'a> {
        let (ours, theirs, skipped) = match &self.outcome {
            Outcome::Measured { ours, theirs } => {
                (Some(ours.median()), theirs.as_ref().map(Figures::median), None)
            }
            Outcome::Skipped(why) => (None, None, Some(why.as_str())),
        };
        RowEvent {
            bench,
            work: &self.work.name,
            ours,
            unit: self.work.unit,
            peer: self.peer.as_deref(),
            theirs,
            ratio: self.ratio(),
            goal: self.goal,
            better: self.work.better,
            met: self.met(),
            skipped,
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, next| Self {
            rows: sum.rows + next.rows,
            met: sum.met + next.met,
            missed: sum.missed + next.missed,
            skipped: sum.skipped + next.skipped,
        })
    }
}

impl Tally {
    /// Counts `rows`.
    pub fn of(rows: &[Row]) -> Self {
        let count = |met| rows.iter().filter(|row| row.met() == met).count();
        Self {
            rows: rows.len(),
            met: count(Some(true)),
            missed: count(Some(false)),
            skipped: count(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better, goal: f64, ours: f64, theirs: Option<f64>) -> Row {
        let figures = |value| Figures::new(vec![value]);
        Row {
            work: Work { name: "work".into(), unit: "msg/s", better },
            peer: theirs.map(|_| "peer".into()),
            goal,
            outcome: Outcome::Measured { ours: figures(ours), theirs: theirs.map(figures) },
        }
    }

    #[test]
    fn a_goal_is_met_on_the_side_that_is_better() {
        for (better, goal, ours, theirs, met) in [
            (Better::More, 3.0, 3.0, Some(1.0), true),
            (Better::More, 3.0, 2.9, Some(1.0), false),
            (Better::Less, 1.1, 1.1, Some(1.0), true),
            (Better::Less, 1.1, 1.2, Some(1.0), false),
            (Better::More, 100.0, 101.0, None, true),
            (Better::Less, 100.0, 101.0, None, false),
        ] {
            let row = row(better, goal, ours, theirs);
            assert_eq!(row.met(), Some(met), "{row:?}");
        }
    }

    #[test]
    fn the_json_has_the_form_that_its_readers_know() {
        let measured = row(Better::More, 5.0, 12.0, Some(2.0));
        assert_eq!(
            serde_json::to_string(&measured.event("relay")).unwrap(),
            r#"{"bench":"relay","work":"work","ours":12.0,"unit":"msg/s","peer":"peer","theirs":2.0,"ratio":6.0,"goal":5.0,"better":"more","met":true}"#,
        );
        let alone = row(Better::Less, 5.0, 12.0, None);
        assert_eq!(
            serde_json::to_string(&alone.event("relay")).unwrap(),
            r#"{"bench":"relay","work":"work","ours":12.0,"unit":"msg/s","peer":null,"theirs":null,"ratio":null,"goal":5.0,"better":"less","met":false}"#,
        );
        let skipped =
            Row { outcome: Outcome::Skipped("not found: nats-server".into()), ..measured };
        assert_eq!(
            serde_json::to_string(&skipped.event("relay")).unwrap(),
            r#"{"bench":"relay","work":"work","ours":null,"unit":"msg/s","peer":"peer","theirs":null,"ratio":null,"goal":5.0,"better":"more","skipped":"not found: nats-server"}"#,
        );
    }

    #[test]
    fn a_skipped_row_is_neither_met_nor_missed() {
        let met = row(Better::More, 1.0, 2.0, Some(1.0));
        let missed = row(Better::More, 3.0, 2.0, Some(1.0));
        let skipped = Row { outcome: Outcome::Skipped("why".into()), ..met.clone() };
        assert_eq!(
            Tally::of(&[met, missed, skipped]),
            Tally { rows: 3, met: 1, missed: 1, skipped: 1 }
        );
    }
}
