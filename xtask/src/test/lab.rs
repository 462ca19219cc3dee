//! The demos as tests: each must pass its own checks at the level that the step is about.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Miss, Outcome};
use crate::cargo;
use crate::docs::{RECORD, Record};
use crate::error::Error;
use crate::say;

/// How long a demo may take: ten times what the slowest is meant to.
const LIMIT: Duration = Duration::from_secs(120);

/// The user that owns nothing, `nobody`, without any capability, not even one to gain (the bounding set
/// of capabilities(7)). In a user namespace of its own it has them all.
const AS_NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
];

/// The names of all demos, as `scenarios` itself lists them.
pub(super) fn demos(directory: &Path) -> Result<Vec<String>, Miss> {
    let mut list = Command::new(directory.join("scenarios"));
    list.args(["list", "--format", "json"]);
    names(&run(list, LIMIT)?).map_err(Miss::Failed)
}

fn names(list: &Ended) -> Result<Vec<String>, String> {
    let events = parsed(&list.events);
    let demos = events.iter().filter(|event| event["event"] == "demo");
    let names: Vec<String> =
        demos.filter_map(|event| event["demo"].as_str()).map(str::to_owned).collect();
    if list.code == Some(0) && !names.is_empty() {
        Ok(names)
    } else {
        Err(format!("scenarios list: {}, {} demos", list.how(), names.len()))
    }
}

/// At level L0. Without root it runs as the present user, who is as good as any.
pub(super) fn as_user(directory: &Path) -> Outcome {
    let prefix = if is_root()? { AS_NOBODY } else { &[] };
    all_pass(directory, prefix, "L0")
}

/// At level L1.
pub(super) fn as_root(directory: &Path) -> Outcome {
    if !is_root()? {
        let cure = "sudo env \"PATH=$PATH\" \"HOME=$HOME\" cargo xtask test --only lab-root";
        return Err(Miss::Skipped(format!("needs root: {cure}")));
    }
    all_pass(directory, &[], "L1")
}

/// How many demos play at a time: most of what they do is to wait, also on one core.
const PLAYED_AT_ONCE: usize = 2;

fn all_pass(directory: &Path, prefix: &[&str], level: &str) -> Outcome {
    let recorded = recorded()?;
    let demos = Mutex::new(demos(directory)?.into_iter());
    let next = || demos.lock().unwrap_or_else(PoisonError::into_inner).next();
    let play_on = || {
        let mut failed = Vec::new();
        while let Some(demo) = next() {
            if let Err(why) = passes(directory, prefix, level, &recorded, &demo)? {
                failed.push(format!("{demo}: {why}"));
            }
        }
        Ok::<_, Miss>(failed)
    };
    let failed = thread::scope(|scope| {
        let players: Vec<_> = (0..PLAYED_AT_ONCE).map(|_| scope.spawn(play_on)).collect();
        let ended = players.into_iter().map(|player| player.join().expect("no panic in a player"));
        ended.collect::<Result<Vec<_>, Miss>>()
    })?;
    let failed = failed.concat();
    if failed.is_empty() { Ok(()) } else { Err(Miss::Failed(failed.join("; "))) }
}

/// Plays one demo, and says how it came out; the inner error is why it is not good.
fn passes(
    directory: &Path,
    prefix: &[&str],
    level: &str,
    recorded: &Record,
    demo: &str,
) -> Result<Result<(), String>, Miss> {
    let start = Instant::now();
    let mut command = starting(prefix, &directory.join("scenarios"));
    command.args(["run", demo, "--format", "json"]);
    // A user who owns nothing may not be allowed into either place of the one who started this.
    command.current_dir(directory).env_remove("HOME");
    let ended = run(command, LIMIT)?;
    let agrees = |words| recorded.agrees(demo, &parsed(&ended.events)).map(|()| words);
    let verdict = verdict(&ended, level).and_then(agrees);
    let took = start.elapsed().as_secs_f64();
    Ok(match verdict {
        Ok(words) => {
            say::out(format_args!("{demo}: {words}, {took:.1} s"));
            Ok(())
        }
        Err(why) => {
            let events = ended.events.trim_end();
            say::out(format_args!("{events}\n{demo}: FAILED, {why}, {took:.1} s"));
            Err(why)
        }
    })
}

/// What the recorded run says of each claim, which no run may contradict.
fn recorded() -> Result<Record, Miss> {
    let failed = |source| Error::File { doing: format!("read {RECORD}"), source };
    let text = fs::read_to_string(cargo::root().join(RECORD)).map_err(failed)?;
    Ok(Record::read(&text)?)
}

/// The program, started by the program and the arguments of `prefix` if there are any.
fn starting(prefix: &[&str], program: &Path) -> Command {
    let Some((starter, arguments)) = prefix.split_first() else { return Command::new(program) };
    let mut command = Command::new(starter);
    command.args(arguments).arg(program);
    command
}

/// What a run says, or why it is not good: from its exit code and from its last event.
fn verdict(ended: &Ended, level: &str) -> Result<String, String> {
    let events = parsed(&ended.events);
    let Some(end) = events.last().filter(|event| event["event"] == "end") else {
        return Err(format!("{}, no end event", ended.how()));
    };
    let number = |name: &str| end[name].as_u64().unwrap_or_default();
    let (checks, failed, skipped) = (number("checks"), number("failed"), number("skipped"));
    let reached = end["level"].as_str().unwrap_or("none");
    let words = format!("{checks} checks, {failed} failed, {skipped} skipped, level {reached}");
    if reached != level {
        return Err(format!("{words}, not {level}: `cargo xtask doctor` says what is missing"));
    }
    if ended.code != Some(0) || end["ok"] != true || failed > 0 || checks == 0 {
        return Err(format!("{words}, {}", ended.how()));
    }
    Ok(words)
}

/// The events of an output; a line that is none is left out.
fn parsed(events: &str) -> Vec<Value> {
    events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// How a program ended, and what it wrote.
#[derive(Debug)]
struct Ended {
    /// None if a signal ended it.
    code: Option<i32>,
    in_time: bool,
    events: String,
}

impl Ended {
    fn how(&self) -> String {
        match self.code {
            _ if !self.in_time => "no end in time".to_owned(),
            None => "ended by a signal".to_owned(),
            Some(code) => format!("exit code {code}"),
        }
    }
}

/// Runs the command, for no longer than the limit, and takes its output.
fn run(mut command: Command, limit: Duration) -> Result<Ended, Miss> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| Miss::Failed(format!("cannot run {program}: {error}"));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut stdout = child.stdout.take().expect("the output is a pipe");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.read_to_end(&mut bytes);
        // It fails where nobody waits for the output any more.
        let _ = sender.send(read.map(|_| String::from_utf8_lossy(&bytes).into_owned()));
    });
    let mut read = receiver.recv_timeout(limit);
    let in_time = read.is_ok();
    if !in_time {
        // All that it started ends with it, and so does its output.
        child.kill().map_err(failed)?;
        read = receiver.recv_timeout(Duration::from_secs(5));
    }
    let code = child.wait().map_err(failed)?.code();
    let events = read.unwrap_or_else(|_| Ok(String::new())).map_err(failed)?;
    Ok(Ended { code, in_time, events })
}

fn is_root() -> Result<bool, Miss> {
    let id = Command::new("id").arg("-u").output();
    let id = id.map_err(|error| Miss::Failed(format!("cannot start id: {error}")))?;
    Ok(id.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"event":"check","id":"a","ok":true}
{"event":"end","ok":true,"checks":9,"failed":0,"skipped":0,"level":"L0"}
"#;

    #[test]
    fn a_run_is_good_when_all_of_it_is() {
        let (l0, zero) = ("\"L0\"", "\"failed\":0");
        for (code, events, level, good) in [
            (Some(0), GOOD.to_owned(), "L0", true),
            (Some(0), GOOD.to_owned(), "L1", false),
            (Some(1), GOOD.to_owned(), "L0", false),
            (None, GOOD.to_owned(), "L0", false),
            (Some(0), GOOD.replace(l0, "\"L2\""), "L0", false),
            (Some(0), GOOD.replace(zero, "\"failed\":1"), "L0", false),
            (Some(0), GOOD.replace("\"checks\":9", "\"checks\":0"), "L0", false),
            (Some(0), GOOD.replace("end\",\"ok\":true", "end\",\"ok\":false"), "L0", false),
            (Some(77), GOOD.replace("end", "skipped"), "L0", false),
            (Some(0), String::new(), "L0", false),
        ] {
            let ended = Ended { code, in_time: true, events };
            let verdict = verdict(&ended, level);
            assert_eq!(verdict.is_ok(), good, "{ended:?} {level}: {verdict:?}");
        }
    }

    #[test]
    fn a_list_names_its_demos() {
        let list = |code, events: &str| {
            names(&Ended { code: Some(code), in_time: true, events: events.to_owned() })
        };
        let demos = "{\"event\":\"demo\",\"demo\":\"a\"}\n{\"event\":\"end\",\"ok\":true}\n";
        assert_eq!(list(0, demos), Ok(vec!["a".to_owned()]));
        assert_eq!(list(1, demos), Err("scenarios list: exit code 1, 1 demos".to_owned()));
        assert_eq!(list(0, GOOD), Err("scenarios list: exit code 0, 0 demos".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let mut forever = Command::new("sh");
        forever.args(["-c", "echo first; exec sleep 600"]);
        let ended = run(forever, Duration::from_secs(1)).unwrap();
        assert_eq!(ended.how(), "no end in time");
        assert_eq!(ended.events, "first\n");
    }
}
