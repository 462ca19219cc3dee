//! `cargo xtask test`: everything that must hold before a change is merged, in steps.
//!
//! The steps share what they compile: one build makes all programs and all tests, and every later step
//! finds it fresh.

mod checks;
mod lab;
mod programs;
mod rules;
mod table;

use std::process::ExitCode;
use std::time::Instant;

use clap::ValueEnum;

use crate::error::Error;
use crate::say;
use crate::tidy;
use programs::Programs;
use rules::Rules;
use table::{Row, Table};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only these steps, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STEP")]
    only: Vec<Step>,
    /// Stop at the first step that fails.
    #[arg(long)]
    fail_fast: bool,
    /// Take a step that cannot run here for a failed one, as where CI is set.
    #[arg(long)]
    strict: bool,
}

/// The steps, in the order in which they run: the quick ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The code is formatted.
    Fmt,
    /// Licences, banned crates and sources of the dependencies.
    Deny,
    /// Known faults of the dependencies; needs the network.
    Advisories,
    /// The lints, as errors.
    Clippy,
    /// Unit tests, integration tests, and the examples in the documentation.
    Unit,
    /// What there is without a lab: findings, reports, and the replay of recorded runs.
    Replay,
    /// The project's own rules.
    Tidy,
    /// All demos, without root and without any capability.
    LabUser,
    /// All demos, as root.
    LabRoot,
    /// The documentation, warnings as errors.
    Docs,
    /// Each criterion benchmark once, not measured.
    BenchSmoke,
}

/// How a step ended.
type Outcome = Result<(), Miss>;

/// Why a step did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Miss {
    /// What failed, in a few words; the step itself has said more.
    Failed(String),
    /// Why it cannot run here, and the cure.
    Skipped(String),
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let rules = Rules::from_environment(args.strict)?;
    let all = Step::value_variants().iter().copied();
    let chosen: Vec<Step> =
        all.filter(|step| args.only.is_empty() || args.only.contains(step)).collect();
    let programs = Programs::new(chosen.iter().any(|step| step.runs_tests()));
    let mut table = Table::default();
    for step in chosen {
        say::out(format_args!("\n== {} ==", step.name()));
        let start = Instant::now();
        let outcome = rules.judge(step, step.run(&programs));
        let row = Row { step: step.name(), outcome, took: start.elapsed() };
        say::out(format_args!("== {row}"));
        table.rows.push(row);
        if args.fail_fast && table.any_failed() {
            break;
        }
    }
    say::out(format_args!("\n{table}"));
    Ok(if table.any_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Step {
    fn run(self, programs: &Programs) -> Outcome {
        match self {
            Self::Fmt => checks::fmt(),
            Self::Deny => checks::deny(),
            Self::Advisories => checks::advisories(),
            Self::Clippy => checks::clippy(),
            Self::Unit => checks::unit(programs.directory()?),
            Self::Replay => checks::replay(),
            Self::Tidy => match tidy::run(&lab::demos(programs.directory()?)?)? {
                0 => Ok(()),
                findings => Err(Miss::Failed(format!("{findings} findings"))),
            },
            Self::LabUser => lab::as_user(programs.directory()?),
            Self::LabRoot => lab::as_root(programs.directory()?),
            Self::Docs => checks::docs(),
            Self::BenchSmoke => checks::bench_smoke(),
        }
    }

    /// Whether it builds the tests: the programs can then come from the same build.
    fn runs_tests(self) -> bool {
        matches!(self, Self::Unit | Self::BenchSmoke)
    }

    fn name(self) -> String {
        let value = self.to_possible_value().expect("no step is hidden");
        value.get_name().to_owned()
    }
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}
