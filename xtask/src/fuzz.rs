//! `cargo xtask fuzz`: gives the targets of `fuzz/` what libFuzzer makes of their seeds.
//!
//! The flags are those that `cargo fuzz build --sanitizer none` gives the compiler. All of them are
//! stable, so there is nothing else to install and no other compiler than the one of everything else.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::cargo;
use crate::error::Error;
use crate::say;

/// Seconds for a target of `arq`: its first packet is the first that anybody on the network may send.
const LONG: u64 = 60;

/// Seconds for each of the others: enough to find that one does not hold what it promises.
const SHORT: u64 = 12;

/// What tells libFuzzer which code an input reached and what it was compared with.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// No longer inputs, no slower ones, and no more memory: each is a finding.
const LIMITS: [&str; 3] = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=1024"];

const SEEDS: &str = "fuzz/seeds";
const FINDINGS: &str = "fuzz/findings";

/// How many lines of a failure are shown: the panic, and what libFuzzer says of the input.
const LINES: usize = 30;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The targets; without one, all.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each is run, instead of 60 s for those of arq and 12 s for the others.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Give the one target this input once, such as one that was found.
    #[arg(long, value_name = "FILE", conflicts_with = "seconds")]
    input: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    let all = targets()?;
    if let Some(unknown) = args.targets.iter().find(|target| !all.contains(target)) {
        return Err(Error::NoTarget { name: unknown.clone(), known: all.join(", ") });
    }
    let chosen = if args.targets.is_empty() { all } else { args.targets.clone() };
    let program = build()?;
    if let Some(input) = &args.input {
        let [target] = &chosen[..] else {
            return Err(Error::OneTarget { count: chosen.len() });
        };
        let input = std::path::absolute(input)
            .map_err(|source| Error::File { doing: format!("find {}", input.display()), source })?;
        let mut command = command(&program, target);
        let status =
            command.arg(input).status().map_err(|source| failed_to_start(&program, source))?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let left = Mutex::new(chosen.into_iter());
    let next = || left.lock().expect("no worker panics").next();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let work = || -> Result<bool, Error> {
        let mut all_fine = true;
        while let Some(target) = next() {
            all_fine &= fuzz(&program, &target, args.seconds)?;
        }
        Ok(all_fine)
    };
    let all_fine = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let ended =
            workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        ended.collect::<Result<Vec<bool>, Error>>()
    })?;
    Ok(if all_fine.into_iter().all(|fine| fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Their names: each has seeds, in a directory called so.
fn targets() -> Result<Vec<String>, Error> {
    let failed = |source| Error::File { doing: format!("read {SEEDS}"), source };
    let entries = fs::read_dir(cargo::root().join(SEEDS)).map_err(failed)?;
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    let mut names = entries.map(name).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    names.sort();
    Ok(names)
}

fn build() -> Result<PathBuf, Error> {
    // With a target named, build scripts and macros are compiled without the flags: they could not be
    // linked with them.
    let host = cargo::host()?;
    let arguments = [
        "-p",
        "fuzz",
        "--features",
        "libfuzzer",
        "--profile",
        "fuzz",
        "--locked",
        "--target",
        &host,
    ];
    let built = cargo::build_with(&arguments, &[("RUSTFLAGS", COVERAGE)])?;
    Ok(built.program("fuzz")?.to_owned())
}

/// Runs a target, tells what came of it, and says whether nothing was found.
fn fuzz(program: &Path, target: &str, seconds: Option<u64>) -> Result<bool, Error> {
    let seconds = seconds.unwrap_or(if target.starts_with("arq_") { LONG } else { SHORT });
    // What it found worth keeping lies beside the program, and is where the next run begins.
    let corpus = program.with_file_name("corpus").join(target);
    let findings = cargo::root().join(FINDINGS);
    for directory in [&corpus, &findings] {
        fs::create_dir_all(directory).map_err(|source| Error::File {
            doing: format!("make {}", directory.display()),
            source,
        })?;
    }
    let output = command(program, target)
        // The place of the panic is enough here; `--input` tells how it came there.
        .env("RUST_BACKTRACE", "0")
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={FINDINGS}/{target}-"))
        .arg(corpus)
        .arg(format!("{SEEDS}/{target}"))
        .stdin(Stdio::null())
        .output()
        .map_err(|source| failed_to_start(program, source))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success()
        && let Some(summary) = summary(&said)
    {
        say::out(format_args!("{target:<18}{summary}"));
        return Ok(true);
    }
    say::out(format_args!("{target:<18}FAILED, {}\n{}", output.status, end_of(&said)));
    if let Some(input) = found(&said) {
        say::out(format_args!("again: cargo xtask fuzz {target} --input {input}"));
    }
    Ok(false)
}

fn command(program: &Path, target: &str) -> Command {
    let mut command = Command::new(program);
    command.env("FUZZ_TARGET", target).current_dir(cargo::root());
    command
}

fn failed_to_start(program: &Path, source: std::io::Error) -> Error {
    Error::Start { program: program.display().to_string(), source }
}

/// How many inputs there were and how much code they reached, from libFuzzer's last lines.
fn summary(said: &str) -> Option<String> {
    let (_, done) = said.rsplit_once("Done ")?;
    let mut words = done.split_whitespace();
    let (runs, seconds) = (words.next()?, words.nth(2)?);
    let of = |what: &str| said.rsplit_once(what)?.1.split_whitespace().next();
    let (reached, kept) = (of(" cov: ")?, of(" corp: ")?.split('/').next()?);
    Some(format!(
        "{runs:>9} inputs in {seconds:>3} s, {reached:>5} places reached, {kept:>4} inputs kept"
    ))
}

/// The file in which libFuzzer has left the input that failed.
fn found(said: &str) -> Option<&str> {
    said.rsplit_once("Test unit written to ")?.1.lines().next()
}

/// The last lines, from the panic on if it is among them.
fn end_of(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let panic = lines.iter().rposition(|line| line.contains("panicked at"));
    let from = panic.unwrap_or(lines.len().saturating_sub(LINES));
    lines[from..lines.len().min(from + LINES)].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "\
#10\tINITED cov: 7 ft: 8 corp: 1/2b exec/s: 0 rss: 30Mb
#4294\tREDUCE cov: 812 ft: 1200 corp: 64/3kb lim: 43 exec/s: 400 rss: 44Mb L: 7/9 MS: 1 EraseBytes-
#9000\tDONE   cov: 815 ft: 1207 corp: 66/3kb lim: 80 exec/s: 150 rss: 44Mb
Done 9000 runs in 60 second(s)
";

    const FAILED: &str = "\
#10\tINITED cov: 7 ft: 8 corp: 1/2b exec/s: 0 rss: 30Mb

thread '<unnamed>' (1) panicked at fuzz/src/a.rs:7:9:
no two are the same
==1== ERROR: libFuzzer: deadly signal
artifact_prefix='fuzz/findings/a-'; Test unit written to fuzz/findings/a-crash-0b
Base64: AAA=
";

    #[test]
    fn what_a_run_says_is_read() {
        let expected = "     9000 inputs in  60 s,   815 places reached,   66 inputs kept";
        assert_eq!(summary(FINE).as_deref(), Some(expected));
        assert_eq!(summary(FAILED), None);
        assert_eq!(found(FINE), None);
        assert_eq!(found(FAILED), Some("fuzz/findings/a-crash-0b"));
        let end = end_of(FAILED);
        assert!(end.starts_with("thread '<unnamed>' (1) panicked") && end.ends_with("AAA="));
    }
}
