//! The demo `disconnect`: a server that lets the other clients wait is seen to do so.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use tests::{Running, foreign, piped, program};

use crate::inside::Started;
use crate::{LIMIT, events, failed_checks, has_namespaces};

/// Much longer than the demo takes for a short wait also on a machine that is busy: it allows for six times
/// what it sees threads wait there.
const STALL: Duration = Duration::from_millis(2500);

#[test]
fn a_server_that_stalls_does_not_serve_the_others() {
    if ["nsenter", "ss"].map(foreign).iter().any(Option::is_none) || !has_namespaces() {
        return;
    }
    let args = ["run", "disconnect", "--json"];
    let demo = Running::start_with_limit(&mut piped(program("scenarios"), &args), LIMIT);
    let server = Started::by(&demo, "tcp-server --format json --quiet --idle 0 --keepalive 1s");
    // The others are there, and ask, when the one has come that will go.
    let all_are_there = |shown: &str| shown.lines().filter(|l| l.starts_with("ESTAB")).count() >= 4;
    server.wait_for("-Htn", all_are_there).expect("four clients");
    server.signal(Signal::SIGSTOP);
    thread::sleep(STALL); // The stall itself is what is shown.
    server.signal(Signal::SIGCONT);
    let finished = demo.finish();
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    // A busy machine may be late with something else as well.
    let failed = failed_checks(&events);
    assert!(failed.contains(&"cut-keepalive-others"), "{failed:?}");
}
