//! Which steps may be skipped.

use std::env;

use clap::ValueEnum;

use super::{Miss, Outcome, Step};
use crate::error::Error;

/// Names the steps that may be skipped even where a skipped step is a failure, separated by commas.
///
/// It stands in the environment, so that the command that CI runs is the one that a person runs.
const MAY_SKIP: &str = "SOCKEYE_MAY_SKIP";

/// Whether a step that cannot run here is a failure, and which ones are none even then.
#[derive(Debug)]
pub(super) struct Rules {
    strict: bool,
    may_skip: Vec<Step>,
}

impl Rules {
    /// The rules that the flag `--strict`, `CI` and [`MAY_SKIP`] set.
    pub(super) fn from_environment(strict: bool) -> Result<Self, Error> {
        let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
        let names = env::var(MAY_SKIP).unwrap_or_default();
        let may_skip = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let may_skip = may_skip
            .map(|name| Step::from_str(name, false))
            .collect::<Result<_, _>>()
            .map_err(|why| Error::Environment { name: MAY_SKIP, why })?;
        Ok(Self { strict: strict || ci, may_skip })
    }

    /// What the outcome counts as.
    pub(super) fn judge(&self, step: Step, outcome: Outcome) -> Outcome {
        match outcome {
            Err(Miss::Skipped(why)) if self.strict && !self.may_skip.contains(&step) => {
                Err(Miss::Failed(format!("may not be skipped here: {why}")))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_step_fails_where_nothing_may_be_skipped() {
        let skipped = || Err(Miss::Skipped("no root".to_owned()));
        let failed = || Err(Miss::Failed("may not be skipped here: no root".to_owned()));
        for (strict, may_skip, outcome, expected) in [
            (false, vec![], skipped(), skipped()),
            (true, vec![], skipped(), failed()),
            (true, vec![Step::LabRoot], skipped(), skipped()),
            (true, vec![Step::Advisories], skipped(), failed()),
            (true, vec![], Ok(()), Ok(())),
        ] {
            let rules = Rules { strict, may_skip };
            assert_eq!(rules.judge(Step::LabRoot, outcome), expected, "{rules:?}");
        }
    }
}
