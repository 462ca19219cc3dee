//! Which runs are kept as a whole, for the documentation to show and for tests to show again?

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Record, write};
use crate::cargo;
use crate::error::Error;
use crate::say;

/// Where they are kept: the events, and what a replay makes of them.
const FOLDER: &str = "docs/recorded";

/// The demo that is kept as a recording of a terminal too, which the README shows.
const SHOWN: &str = "backlog";

/// How it is shown in text, on every system.
const LOOK: [&str; 4] = ["--glyphs", "unicode", "--diagram", "ladder"];

/// The demos of which a run is kept.
const DEMOS: [&str; 3] = ["backlog", "feedback", "disconnect"];

/// Plays and keeps those of these demos of which a run is kept.
pub(super) fn record(program: &Path, names: &[OsString]) -> Result<(), Error> {
    let is_asked = |demo: &&str| names.iter().any(|name| name == "all" || name == demo);
    for demo in DEMOS.into_iter().filter(is_asked) {
        let events = ran(program, &["run", demo, "--format", "json"])?;
        // The same that is asked of a run whose verdicts are recorded.
        Record::of_run(&events)?;
        let file = format!("{FOLDER}/{demo}.jsonl");
        write(&cargo::root().join(&file), &stripped(&events)?)?;
        render_one(program, demo)?;
        say::out(format_args!("{file}: {} events", events.lines().count()));
    }
    Ok(())
}

/// Shows again what is kept, and keeps how that looks.
pub(super) fn render(program: &Path) -> Result<(), Error> {
    DEMOS.into_iter().try_for_each(|demo| render_one(program, demo))
}

fn render_one(program: &Path, demo: &str) -> Result<(), Error> {
    let file = format!("{FOLDER}/{demo}.jsonl");
    let replay = ["run", "--replay", &file];
    let text = ran(program, &[&replay[..], &LOOK].concat())?;
    write(&cargo::root().join(format!("{FOLDER}/{demo}.txt")), &text)?;
    if demo == SHOWN {
        for ending in ["cast", "svg"] {
            let cast = format!("{FOLDER}/{demo}.{ending}");
            ran(program, &[&replay[..], &["--glyphs", "unicode", "--cast", &cast]].concat())?;
        }
    }
    Ok(())
}

/// What a program of ours writes to standard output.
fn ran(program: &Path, arguments: &[&str]) -> Result<String, Error> {
    let failed = |source| Error::Start { program: program.display().to_string(), source };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(cargo::root()).stderr(Stdio::inherit());
    // The text is recorded for every width, not for that of the terminal at hand.
    command.env_remove("COLUMNS");
    let output = command.output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The events without what says nothing of the demo: when each was written, and by which builder the
/// kernel was made.
fn stripped(events: &str) -> Result<String, Error> {
    let bad = |why: String| Error::Answer { command: "scenarios run".to_owned(), why };
    let mut out = String::new();
    for line in events.lines() {
        let mut event: Value =
            serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        let fields = event.as_object_mut().ok_or_else(|| bad(format!("{line} is no event")))?;
        fields.shift_remove("ts");
        if let Some(Value::String(kernel)) = fields.get_mut("kernel") {
            let version = kernel.split('-').next().unwrap_or_default().to_owned();
            *kernel = version;
        }
        let _ = writeln!(out, "{event}");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_of_the_demo_is_left_out() {
        let run = "{\"event\":\"start\",\"schema\":\"demo/1\",\"ts\":\"2026\",\"kernel\":\"Linux 6.18.44-some\"}\n\
                   {\"event\":\"end\",\"ts\":\"2026\",\"seconds\":0.25}\n";
        let kept = "{\"event\":\"start\",\"schema\":\"demo/1\",\"kernel\":\"Linux 6.18.44\"}\n\
                    {\"event\":\"end\",\"seconds\":0.25}\n";
        assert_eq!(stripped(run).unwrap(), kept);
        assert!(stripped("nonsense").is_err());
    }
}
