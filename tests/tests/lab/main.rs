//! The demos, run as a user runs them: the events, the levels, and the recordings in the eyes of tshark.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod agreement;
mod all_demos;
mod backlog;
mod bad_link;
mod close;
mod compared;
mod counted;
mod disconnect;
mod drawn;
mod events;
mod families;
mod feedback;
mod flood;
mod handshake;
mod inside;
mod interrupted;
mod knobs;
mod levels;
mod pages;
mod persons;
mod reuse;
mod schema;
mod turned;
mod written;

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tests::{Finished, Running, piped, program, skip};

/// Every demo takes some seconds, and machines for tests are busy.
const LIMIT: Duration = Duration::from_secs(90);

/// Runs `scenarios` with these arguments.
#[track_caller]
fn scenarios(args: &[&str]) -> Finished {
    run(&mut piped(program("scenarios"), args))
}

#[track_caller]
fn run(command: &mut Command) -> Finished {
    Running::start_with_limit(command, LIMIT).finish()
}

/// For who plays on the loopback of this machine: what is counted there is everybody's, so one at a time.
fn on_loopback() -> MutexGuard<'static, ()> {
    static LOOPBACK: Mutex<()> = Mutex::new(());
    // A test that has failed leaves nothing there.
    LOOPBACK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The events of a run, which are as the schema says.
#[track_caller]
fn events(finished: &Finished) -> Vec<Value> {
    let lines = finished.stdout_text().lines();
    let events: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    schema::conforms(&events);
    events
}

/// The checks of a run that were measured otherwise than expected.
fn failed_checks(events: &[Value]) -> Vec<&str> {
    let checks = events.iter().filter(|event| event["event"] == "check" && event["ok"] == false);
    checks.filter_map(|check| check["id"].as_str()).collect()
}

/// Whether this machine lets the lab have namespaces. In CI it must.
#[track_caller]
fn has_namespaces() -> bool {
    let allowed = scenarios(&["doctor"]).code == 0;
    if !allowed {
        skip("namespaces are refused; `cargo xtask doctor` says why");
    }
    allowed
}
