//! The demo `feedback`, with knobs turned the wrong way: its checks can fail.

use serde_json::Value;

use crate::{events, failed_checks, has_namespaces, scenarios};

#[track_caller]
fn fails_with(knobs: &[&str], failed: &[&str], unharmed: &[&str]) {
    if !has_namespaces() {
        return;
    }
    let mut args = vec!["run", "feedback", "--json"];
    for knob in knobs {
        args.extend(["--set", knob]);
    }
    let finished = scenarios(&args);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    let wrong = failed_checks(&events);
    for check in failed {
        assert!(wrong.contains(check), "{check} is not among {wrong:?}");
    }
    for check in unharmed {
        assert!(!wrong.contains(check), "{wrong:?}");
    }
}

/// Without SACK a loss is still repaired, by duplicate acknowledgements alone; without probes the last
/// segment waits for the timer. What `udp-peer` does is no affair of the kernel's.
#[test]
fn without_sack_and_probes_a_loss_is_repaired_otherwise() {
    fails_with(
        &["tcp_sack=0", "tcp_early_retrans=0"],
        &["one-loss-sack", "tail-probes", "tail-timeouts", "beside-tail-tcp-probes"],
        &[
            "kept-until-ack",
            "outlives-arrives",
            "user-timeout-aborts",
            "silent-end",
            "beside-tail-udp",
            "beside-tail-udp-probes",
        ],
    );
}

/// A kernel that is told to try five times gives up earlier, in fact and by computation.
#[test]
fn a_less_patient_kernel_gives_up_earlier() {
    fails_with(
        &["tcp_retries2=5"],
        &["given-up-time", "given-up-resent", "silent-end"],
        &["kept-until-ack", "one-loss-sack", "silent-doubling", "given-up-aborts"],
    );
}

/// A file has come as a whole in the end, and a connection that is given up has no timer any more.
#[test]
fn what_is_shown_over_time_ends_as_it_ended() {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", "feedback", "--json"]);
    let events = events(&finished);
    let points = |story: &str, says: &str| {
        let is_it = |event: &&Value| {
            event["event"] == "series"
                && event["story"] == story
                && event["says"].as_str().is_some_and(|told| told.starts_with(says))
        };
        let series = events.iter().find(is_it).unwrap_or_else(|| panic!("{story} has no {says}"));
        let points = series["points"].as_array().expect("a series has points").iter();
        points.map(|point| point[1].as_f64().expect("a number")).collect::<Vec<_>>()
    };
    assert_eq!(points("bad-link", "bytes of the file").last(), Some(&150_000.0));
    for story in ["given-up", "user-timeout"] {
        let rto = points(story, "rto of the client");
        assert!(rto.len() > 2 && rto.iter().all(|ms| *ms > 0.0), "{story}: {rto:?}");
    }
    assert_eq!(points("given-up", "Send-Q of the client"), [0.0, 100.0, 0.0]);
}
