//! In which order is what played, and how often?

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::{env, thread};

use cli::{Exit, Failure};
use netlab::{HeldSignals, Level};
use scenarios::findings::SetUp;
use scenarios::keep::Kept;
use scenarios::scenario::Scenario;
use scenarios::stage::{Knob, Stage, Trouble};

use crate::options::{Compare, RunArgs};
use crate::report::{Phase, Report, lock};
use crate::{interrupt, kernel, pause};

/// The kind of a failure that ended a demo too early.
const NOT_PLAYED: &str = "not_played";

/// Plays the demos as it was asked for, and says how it came out.
pub(crate) fn play(demos: &[Scenario], args: &RunArgs) -> Exit {
    // First of all: namespaces are entered while the process has one thread.
    let (level, held) = if args.loopback { (Level::L2, None) } else { enter() };
    let args = Arc::new(args.clone());
    let times = if args.compare.is_some() { 2 } else { args.repeat as usize };
    let report = Report::new(&args, level.to_string(), demos.len() * times);
    let watched = interrupt::watch(&report, level);
    drop(held);
    let played = watched
        .and_then(|()| Player::new(demos, &args, level, &report))
        .and_then(|player| player.play_all(demos));
    let mut report = lock(&report);
    match played {
        Ok(failed) => report.end(failed),
        Err(failure) => report.fail(&failure),
    }
}

/// Into the namespaces; where they are refused, says which step was and what to do.
fn enter() -> (Level, Option<HeldSignals>) {
    let entered = netlab::enter_holding_signals().map(|(level, held)| (level, Some(held)));
    entered.unwrap_or_else(|refusal| {
        let mut failure = Failure::new(Exit::Skipped, "no_namespaces", refusal.to_string());
        for cure in refusal.cures().into_iter().take(2) {
            failure = failure.hint(cure);
        }
        failure.print();
        (Level::L2, None)
    })
}

/// What every play needs.
struct Player<'a> {
    args: &'a RunArgs,
    report: &'a Arc<Mutex<Report>>,
    stage: Stage,
}

impl<'a> Player<'a> {
    fn new(
        demos: &[Scenario],
        args: &'a RunArgs,
        level: Level,
        report: &'a Arc<Mutex<Report>>,
    ) -> Result<Self, Failure> {
        let programs = programs(demos)?;
        kernel::check(level, args.options().knobs())?;
        if args.keep && !level.has_namespaces() {
            let why = "--keep has nothing to keep: there are no namespaces here";
            return Err(Failure::new(Exit::Skipped, "no_namespaces", why));
        }
        let stage = Stage {
            level,
            programs,
            seed: args.seed,
            full: args.full,
            knobs: args.knobs.clone(),
            overruled: Arc::default(),
            kept: args.keep.then(Kept::default),
            made: Arc::default(),
        };
        Ok(Self { args, report, stage })
    }

    /// Plays everything; gives back how many checks failed that make the run a failed one.
    fn play_all(&self, demos: &[Scenario]) -> Result<usize, Failure> {
        let mut failed = 0;
        if let Some(Compare(variants)) = &self.args.compare {
            for demo in demos {
                for (at, knob) in variants.iter().enumerate() {
                    failed += match self.play_variant(demo, knob, at == 0) {
                        // What it was like until then can be compared all the same.
                        Err(trouble) if trouble.kind() == NOT_PLAYED => {
                            lock(self.report).not_played(&trouble);
                            1
                        }
                        failed => failed?,
                    };
                }
                lock(self.report).compared();
            }
            return Ok(failed);
        }
        for time in 1..=self.args.repeat {
            let variant = (self.args.repeat > 1).then(|| format!("time {time}"));
            for demo in demos {
                failed += self.play_one(&self.stage, demo, variant.as_deref(), time == 1)?;
            }
        }
        if let Some(kept) = &self.stage.kept {
            self.wait_beside(kept)?;
        }
        Ok(failed)
    }

    /// Plays a demo with one of two values of a knob. A check that fails because the knob was turned is
    /// no failure: it is what the comparison is about.
    fn play_variant(&self, demo: &Scenario, knob: &Knob, is_first: bool) -> Result<usize, Failure> {
        let variant = format!("{}={}", knob.name, knob.value);
        let mut stage = self.stage.clone();
        stage.knobs.push(knob.clone());
        stage.overruled = Arc::new(AtomicBool::new(false));
        let failed = self.play_one(&stage, demo, Some(&variant), is_first)?;
        Ok(if stage.overruled.load(Ordering::Relaxed) { 0 } else { failed })
    }

    fn play_one(
        &self,
        stage: &Stage,
        demo: &Scenario,
        variant: Option<&str>,
        is_first: bool,
    ) -> Result<usize, Failure> {
        self.begin(demo, variant, is_first);
        let mut failed = 0;
        let played = (demo.play)(stage, &mut |mut story| {
            story.say_only_what_was_seen();
            story.take_back_what_was_otherwise();
            lock(self.report).story(&story);
            failed += story.failed();
            if let Some(kept) = &stage.kept {
                kept.story_is_over(&story.name);
            }
            if self.args.step {
                pause::for_enter("to go on");
            }
        });
        let claims = played.map_err(|trouble| trouble_of(demo.name, &trouble))?;
        lock(self.report).claims(claims);
        Ok(failed)
    }

    /// Says which demo begins, and its theory, which a person is told where he asks for it, once.
    fn begin(&self, demo: &Scenario, variant: Option<&str>, is_first: bool) {
        let level = self.stage.level;
        let set_up = SetUp {
            demo: demo.name.to_owned(),
            question: demo.question.to_owned(),
            level: level.to_string(),
            level_words: level.words().to_owned(),
            kernel: kernel_name(),
            seed: self.args.seed,
            options: self.args.options(),
        };
        let mut report = lock(self.report);
        report.begin(&set_up, variant);
        report.knows(demo.explain);
        report.theory(demo.explain, self.args.explain && is_first);
    }

    /// Keeps the hosts until Enter, or until a signal; where nobody can press Enter, until a signal.
    fn wait_beside(&self, kept: &Kept) -> Result<(), Failure> {
        let hosts = kept
            .hosts()
            .map_err(|error| Failure::from_io(Exit::Failed, "cannot find the hosts", &error))?;
        let (enough, wait) = mpsc::channel();
        {
            let mut report = lock(self.report);
            report.kept(&hosts);
            report.phase = Phase::Keeping(enough.clone());
        }
        if pause::at_a_terminal() {
            // A thread of its own: a signal is enough, too.
            thread::spawn(move || {
                pause::for_enter("to let them go");
                let _ = enough.send(());
            });
        }
        // It cannot fail while the report holds the other end.
        let _ = wait.recv();
        kept.let_go();
        Ok(())
    }
}

/// The folder of the programs that we ship: they are built beside this one.
fn programs(demos: &[Scenario]) -> Result<PathBuf, Failure> {
    let failed =
        |error: io::Error| Failure::from_io(Exit::Failed, "cannot find this program", &error);
    let folder = env::current_exe().map_err(failed)?;
    let folder = folder.parent().unwrap_or(Path::new(".")).to_owned();
    for program in demos.iter().flat_map(|demo| demo.programs) {
        let path = folder.join(program);
        if !path.exists() {
            let message = format!("cannot find {}", path.display());
            return Err(Failure::new(Exit::Usage, "not_found", message)
                .hint("cargo xtask demo builds what a demo starts")
                .hint(format!("cargo build -p {program}")));
        }
    }
    Ok(folder)
}

fn trouble_of(demo: &str, trouble: &Trouble) -> Failure {
    Failure::new(Exit::Failed, NOT_PLAYED, format!("{demo} was not played to its end: {trouble}"))
        .hint("cargo xtask doctor tests every requirement")
}

fn kernel_name() -> String {
    let name = nix::sys::utsname::uname();
    name.map_or_else(
        |_| "an unknown kernel".to_owned(),
        |name| {
            let (system, release) = (name.sysname(), name.release());
            format!("{} {}", system.to_string_lossy(), release.to_string_lossy())
        },
    )
}
