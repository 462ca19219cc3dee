//! A signal in the middle: what the demo says, and what is left of it.

use std::os::unix::process::CommandExt as _;
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tests::{Finished, Running, family, piped, program};

use crate::{LIMIT, events, has_namespaces, on_loopback};

/// To whom a signal is sent.
#[derive(Clone, Copy, Debug)]
enum To {
    /// The process that was started, as `kill` sends it.
    It,
    /// Its process group, as a terminal sends it at Ctrl-C.
    Group,
}

/// Starts two demos, sends the signal when the first check is told, and looks that nothing is left.
#[track_caller]
fn interrupt(signal: Signal, to: To) -> Finished {
    let args = ["run", "backlog", "silence", "--format", "json"];
    let mut command = piped(program("scenarios"), &args);
    let mut demo = Running::start_with_limit(command.process_group(0), LIMIT);
    demo.stdout.take_event(|event| event["event"] == "check");
    // It goes on with the next story meanwhile, and with the programs of that.
    let family = started(&demo, 3);
    // The inner process alone: the programs of the lab hear nothing of Ctrl-C, and end with it.
    let in_group = family.iter().filter(|id| family::group_of(**id) == Some(demo.pid()));
    assert_eq!(in_group.count(), 1, "{family:?}");
    match to {
        To::It => demo.signal(signal),
        To::Group => killpg(Pid::from_raw(demo.pid()), signal).unwrap(),
    }
    let finished = demo.finish();
    family::all_end(&family);
    finished
}

/// What the demo has started, once it is so many: with namespaces their first process is among them.
#[track_caller]
fn started(demo: &Running, at_least: usize) -> Vec<i32> {
    let start = Instant::now();
    loop {
        let family = family::descendants(demo.pid());
        if family.len() >= at_least {
            return family;
        }
        assert!(start.elapsed() < LIMIT, "{family:?}");
        thread::yield_now();
    }
}

#[test]
fn a_demo_that_a_signal_ends_says_how_far_it_came_and_leaves_nothing() {
    if !has_namespaces() {
        return;
    }
    for (signal, to, code) in [
        (Signal::SIGINT, To::It, 130),
        (Signal::SIGINT, To::Group, 130),
        (Signal::SIGTERM, To::It, 143),
    ] {
        let finished = interrupt(signal, to);
        assert_eq!((finished.code, finished.signal), (code, Some(signal as i32)), "{finished:?}");
        let told = "error: interrupted in backlog, demo 1 of 2, after its story overflow; ";
        assert!(finished.stderr.starts_with(told), "{}", finished.stderr);

        let events = events(&finished);
        let checks = events.iter().filter(|event| event["event"] == "check").count();
        let end = finished.end();
        assert_eq!(end["error"]["kind"], "interrupted");
        assert_eq!(end["checks"], checks);
        assert_eq!(events.iter().filter(|event| event["event"] == "end").count(), 1);
    }
}

/// Without namespaces it is an ordinary process, and its programs die of its death.
#[test]
fn on_loopback_nothing_is_left_either() {
    let _alone = on_loopback();
    let args = ["run", "backlog", "--loopback"];
    let demo = Running::start(&mut piped(program("scenarios"), &args));
    let family = started(&demo, 2);
    demo.signal(Signal::SIGINT);
    let finished = demo.finish();
    assert_eq!(finished.signal, Some(Signal::SIGINT as i32), "{finished:?}");
    assert!(finished.stderr.starts_with("error: interrupted in backlog"), "{}", finished.stderr);
    family::all_end(&family);
}
