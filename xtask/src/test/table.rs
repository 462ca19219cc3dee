//! The table at the end of a test run.

use std::fmt;
use std::time::Duration;

use super::{Miss, Outcome};

/// One step, how it ended, and how long it took.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) step: String,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
}

/// All steps that ran. Its last line is plain, for a reader that only counts.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

impl Table {
    pub(super) fn any_failed(&self) -> bool {
        self.count(|outcome| matches!(outcome, Err(Miss::Failed(_)))) > 0
    }

    fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|row| which(&row.outcome)).count()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, why) = match &self.outcome {
            Ok(()) => ("passed", ""),
            Err(Miss::Failed(why)) => ("FAILED", why.as_str()),
            Err(Miss::Skipped(why)) => ("skipped", why.as_str()),
        };
        let line = format!("{:<12}{word:<8}{:>7.1} s  {why}", self.step, self.took.as_secs_f64());
        f.write_str(line.trim_end())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        let passed = self.count(Result::is_ok);
        let failed = self.count(|outcome| matches!(outcome, Err(Miss::Failed(_))));
        let skipped = self.count(|outcome| matches!(outcome, Err(Miss::Skipped(_))));
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let row = |step: &str, outcome| Row {
            step: step.to_owned(),
            outcome,
            took: Duration::from_millis(1_250),
        };
        let table = Table {
            rows: vec![
                row("fmt", Ok(())),
                row("clippy", Err(Miss::Failed("exit status: 101".to_owned()))),
                row("lab-root", Err(Miss::Skipped("not root".to_owned()))),
            ],
        };
        assert_eq!(
            table.to_string(),
            "fmt         passed      1.2 s\n\
             clippy      FAILED      1.2 s  exit status: 101\n\
             lab-root    skipped     1.2 s  not root\n\
             1 passed, 1 failed, 1 skipped",
        );
        assert!(table.any_failed());
        assert!(!Table { rows: vec![row("fmt", Ok(()))] }.any_failed());
    }
}
