//! How did a run come out that is played now?

use std::time::Duration;

use cli::{Exit, Failure};
use scenarios::findings::{Claim, Tally};
use scenarios::replay::End;
use scenarios::side_by_side;
use scenarios::summary::{Row, Unlike, unlike};

use super::{Phase, Report};

impl Report {
    /// A demo is complete.
    pub(crate) fn claims(&mut self, claims: Vec<Claim>) {
        self.claims_after(claims, rounded(self.row_start.elapsed()));
    }

    /// A demo that is to be compared could not be played to its end.
    pub(crate) fn not_played(&mut self, trouble: &Failure) {
        self.not_played_after(trouble, rounded(self.row_start.elapsed()));
    }

    /// All is played, and so many checks failed that make it a failed run. What could not be written makes it
    /// one, too, and loses nothing of what is told.
    pub(crate) fn end(&mut self, failed: usize) -> Exit {
        let tally = self.tally();
        let repeats = self.args.repeat > 1;
        let unlike: Vec<Unlike> = if repeats { unlike(&self.rows) } else { Vec::new() };
        let exit = if failed > 0 || !unlike.is_empty() {
            Exit::Failed
        } else if tally.checks == tally.skipped {
            Exit::Skipped
        } else {
            Exit::Ok
        };
        let excused = if self.is_brief() { tally.failed.saturating_sub(failed) } else { 0 };
        let repeated = repeats.then_some((self.args.repeat, unlike));
        let seconds = rounded(self.start.elapsed());
        let exit_code = exit.code();
        let end = End { exit: exit_code, tally, excused, seconds, repeated, trouble: None };
        self.over(&end).map_or(exit, |failure| failure.exit())
    }

    /// Something could not be done, and nothing more is played.
    pub(crate) fn fail(&mut self, failure: &Failure) -> Exit {
        self.ended_early(failure);
        let (tally, seconds) = (self.tally(), rounded(self.start.elapsed()));
        let exit = failure.exit().code();
        let end = End { exit, tally, excused: 0, seconds, repeated: None, trouble: None };
        let (name, mut body) = self.end_event(&end);
        body["error"] = serde_json::to_value(failure).expect("a failure is plain data");
        self.show(|_| String::new(), || vec![(name, body)]);
        self.phase = Phase::Over;
        failure.exit()
    }

    /// A signal ended it.
    pub(crate) fn interrupted(&mut self, exit: Exit) -> Exit {
        let failure = Failure::new(exit, "interrupted", format!("interrupted {}", self.how_far()));
        self.fail(&failure)
    }

    /// How far it has come, in words.
    fn how_far(&self) -> String {
        let Some(row) = self.rows.last() else { return "before the first demo".to_owned() };
        let demo = match &row.variant {
            Some(variant) => format!("{} ({})", row.demo, side_by_side::short(variant)),
            None => row.demo.clone(),
        };
        let place = match self.planned {
            1 => String::new(),
            planned => format!(", demo {} of {planned}", self.rows.len()),
        };
        let story = match &self.last_story {
            Some(story) => format!("after its story {story}"),
            None => "in its first story".to_owned(),
        };
        let Tally { checks, failed, .. } = self.tally();
        let failed = if failed == 0 { "none".to_owned() } else { failed.to_string() };
        format!("in {demo}{place}, {story}; {checks} checks so far, {failed} failed")
    }

    fn tally(&self) -> Tally {
        self.rows.iter().fold(Tally::default(), |mut sum, Row { tally, .. }| {
            sum.checks += tally.checks;
            sum.failed += tally.failed;
            sum.skipped += tally.skipped;
            sum
        })
    }
}

/// Seconds to three places: what is shown and what is recorded are then the same number.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
