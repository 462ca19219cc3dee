//! How did the demos of a run come out, side by side, and did each time give the same?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::findings::{Claim, Outcome, Story, Tally, Verdict};

/// A demo that was played.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its name.
    pub demo: String,
    /// Which of several times, or with which knob.
    pub variant: Option<String>,
    /// Its checks.
    pub tally: Tally,
    /// How long it took.
    pub seconds: f64,
    /// Its claims, each with its verdict.
    pub claims: Vec<(String, Verdict)>,
    /// Its checks, each with how it came out.
    checks: Vec<(String, &'static str)>,
}

/// Something that did not come out the same each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlike {
    /// The demo.
    pub demo: String,
    /// The check or the claim.
    pub what: String,
    /// How it came out, in the order of the times.
    pub seen: Vec<String>,
}

impl Row {
    /// A demo of which nothing was seen yet.
    pub fn new(demo: &str, variant: Option<String>) -> Self {
        Self { demo: demo.to_owned(), variant, ..Self::default() }
    }

    /// Counts a story in.
    pub fn add(&mut self, story: &Story) {
        self.tally.add(story);
        let checks = story.checks.iter().map(|check| (check.id.clone(), word(&check.outcome)));
        self.checks.extend(checks);
    }

    /// Adds the claims.
    pub fn judge(&mut self, claims: &[Claim]) {
        self.claims = claims.iter().map(|claim| (claim.id.clone(), claim.verdict)).collect();
    }

    fn outcomes(&self) -> impl Iterator<Item = (String, String)> {
        let claims = self.claims.iter().map(|(id, v)| (format!("claim {id}"), v.to_string()));
        let checks =
            self.checks.iter().map(|(id, word)| (format!("check {id}"), (*word).to_owned()));
        claims.chain(checks)
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Failed => "failed",
        Outcome::Skipped(_) => "skipped",
    }
}

/// What did not come out the same each time that its demo was played.
pub fn unlike(rows: &[Row]) -> Vec<Unlike> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for row in rows {
        let time = times.entry(&row.demo).or_default();
        for (what, outcome) in row.outcomes() {
            let outcomes = seen.entry((&row.demo, what)).or_default();
            // It was not there in earlier times.
            outcomes.resize(*time, MISSING.to_owned());
            outcomes.push(outcome);
        }
        *time += 1;
    }
    let mut unlike = Vec::new();
    for ((demo, what), mut seen) in seen {
        seen.resize(times[demo], MISSING.to_owned());
        if seen.iter().any(|outcome| *outcome != seen[0]) {
            unlike.push(Unlike { demo: demo.to_owned(), what, seen });
        }
    }
    unlike
}

const MISSING: &str = "missing";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Check;

    fn row(demo: &str, verdict: Verdict, measured: &[(&str, u32)]) -> Row {
        let mut row = Row::new(demo, None);
        let check = |(id, measured): &(&str, u32)| Check::equal(id, id, 1, *measured);
        let checks = measured.iter().map(check).collect();
        row.add(&Story { checks, ..Story::default() });
        row.claims = vec![("a".to_owned(), verdict)];
        row
    }

    #[test]
    fn what_was_the_same_each_time_is_not_told() {
        let rows = [
            row("one", Verdict::Refuted, &[("x", 1)]),
            row("two", Verdict::Partly, &[]),
            row("one", Verdict::Refuted, &[("x", 1)]),
        ];
        assert_eq!(unlike(&rows), []);
    }

    #[test]
    fn each_difference_is_told_in_the_order_of_the_times() {
        let rows = [
            row("one", Verdict::Refuted, &[("x", 1)]),
            row("one", Verdict::Partly, &[("x", 2), ("late", 1)]),
            row("one", Verdict::Refuted, &[("x", 1)]),
        ];
        let told = |what: &str, seen: [&str; 3]| Unlike {
            demo: "one".into(),
            what: what.into(),
            seen: seen.map(str::to_owned).to_vec(),
        };
        let expected = [
            told("check late", ["missing", "ok", "missing"]),
            told("check x", ["ok", "failed", "ok"]),
            told("claim a", ["refuted", "partly", "refuted"]),
        ];
        assert_eq!(unlike(&rows), expected);
    }
}
