//! The demo `close`, with a knob turned the wrong way: its checks can fail.

use crate::{events, failed_checks, has_namespaces, scenarios};

/// A kernel that keeps no TIME_WAIT closes in the same segments, and has no answer to a second FIN.
#[test]
fn without_time_wait_a_second_fin_meets_nobody() {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", "close", "--json", "--set", "tcp_max_tw_buckets=0"]);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    let failed = failed_checks(&events);
    for check in [
        "close-both-time-wait",
        "tw-client-owner",
        "tw-client-left",
        "tw-server-owner",
        "last-ack-answer",
        "last-ack-restart",
        "late-copy-answer",
    ] {
        assert!(failed.contains(&check), "{check} is not among {failed:?}");
    }
    // What has nothing to do with TIME_WAIT is as it was.
    for check in ["close-three", "close-four", "close-both", "half-close-returned"] {
        assert!(!failed.contains(&check), "{failed:?}");
    }
}

/// A kernel that ignores a RST in TIME_WAIT keeps it whatever comes.
#[test]
fn a_careful_kernel_keeps_time_wait_after_a_reset() {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", "close", "--json", "--set", "tcp_rfc1337=1"]);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    assert_eq!(failed_checks(&events(&finished)), ["late-copy-ended"]);
}
