//! How is a recorded run shown again?

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;

use cli::{Exit, Failure, Format};
use scenarios::replay::{Recording, Refused, Told, Trouble, read};
use serde_json::Value;

use crate::options::RunArgs;
use crate::report::{Report, lock};
use crate::{print, refuse};

/// Shows a recorded run as it was shown when it was played, and ends as it ended.
pub(crate) fn replay(file: &Path, args: &RunArgs) -> Exit {
    match recorded(file) {
        Ok(recording) => tell(recording, args),
        Err(failure) => refuse(&failure, args.common.format()),
    }
}

fn recorded(file: &Path) -> Result<Recording, Failure> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { file.display().to_string() };
    let doing = format!("cannot replay {name}");
    let recording = if is_stdin {
        read(io::stdin().lock())
    } else {
        let opened = File::open(file);
        read(BufReader::new(opened.map_err(|error| Failure::from_io(Exit::Usage, &doing, &error))?))
    };
    recording.map_err(|refused| match &refused {
        Refused::Unreadable(error) => Failure::from_io(Exit::Usage, &doing, error),
        Refused::Line { .. } => {
            Failure::new(Exit::Usage, "no_recording", format!("{doing}: {refused}"))
                .hint("a recording is what `scenarios run NAME --format json` writes, all of it")
        }
    })
}

/// Tells everything to a report as a lab would.
fn tell(recording: Recording, args: &RunArgs) -> Exit {
    let args = Arc::new(args.clone());
    let report = Report::new(&args, String::new(), recording.planned);
    let mut report = lock(&report);
    let (mut exit, mut not_written) = (Exit::Ok, None);
    let is_json = args.common.format() == Format::Json;
    if is_json {
        // The same events again, and not such as are like them.
        report.hush();
    }
    for told in recording.told {
        match told {
            Told::Start { set_up, variant } => report.begin(&set_up, variant.as_deref()),
            Told::Theory(says) => {
                report.knows(&says);
                report.theory(&says, args.explain);
            }
            Told::Story(story) => report.story(&story),
            Told::Played { claims, seconds } => report.claims_after(claims, seconds),
            Told::NotPlayed { trouble, seconds } => {
                report.not_played_after(&failure(trouble, Exit::Failed), seconds);
            }
            Told::Compared => report.compared(),
            Told::Kept(hosts) => report.kept(&hosts),
            Told::End(mut end) => {
                exit = exit_of(end.exit);
                match end.trouble.take() {
                    Some(trouble) => report.ended_early(&failure(trouble, exit)),
                    None => not_written = report.over(&end),
                }
            }
        }
    }
    if is_json {
        tell_again(recording.events, not_written.as_ref());
    }
    not_written.map_or(exit, |failure: Failure| failure.exit())
}

/// The events of the run; the last one says how this replay ends, should that be otherwise.
fn tell_again(mut events: Vec<String>, not_written: Option<&Failure>) {
    if let (Some(failure), Some(last)) = (not_written, events.last_mut())
        && let Ok(mut end) = serde_json::from_str::<Value>(last)
    {
        end["ok"] = false.into();
        end["exit"] = failure.exit().code().into();
        end["error"] = serde_json::to_value(failure).expect("a failure is plain data");
        *last = end.to_string();
    }
    for event in &events {
        print(&format!("{event}\n"));
    }
}

fn failure(Trouble { message, hints }: Trouble, exit: Exit) -> Failure {
    hints.into_iter().fold(Failure::new(exit, "recorded", message), Failure::hint)
}

/// What is read is one of these.
fn exit_of(code: u8) -> Exit {
    let all = [Exit::Ok, Exit::Usage, Exit::Skipped, Exit::Interrupted, Exit::Terminated];
    all.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Failed)
}
