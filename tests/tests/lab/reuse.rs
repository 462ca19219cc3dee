//! The demo `reuse`, with a knob turned the wrong way: its checks can fail.

use crate::{events, failed_checks, has_namespaces, scenarios};

/// A kernel that keeps no TIME_WAIT lets everybody start again at once.
#[test]
fn without_time_wait_the_port_is_free_at_once() {
    if !has_namespaces() {
        return;
    }
    let no_time_wait = ["run", "reuse", "--json", "--set", "tcp_max_tw_buckets=0"];
    let finished = scenarios(&no_time_wait);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    let failed = failed_checks(&events);
    for check in ["restart-time-wait", "restart-plain", "restart-late", "reuse-time-wait"] {
        assert!(failed.contains(&check), "{check} is not among {failed:?}");
    }
    // What has nothing to do with TIME_WAIT is as it was.
    for check in ["reuse-child", "reuse-listener", "reuse-udp-last"] {
        assert!(!failed.contains(&check), "{failed:?}");
    }
}
