use serde_json::Value;

use crate::{events, has_namespaces, scenarios};

/// A demo in which a knob is turned the wrong way fails: its exit code is 1, and these checks failed.
#[track_caller]
fn fails(demo: &str, knob: &str, checks: &[&str]) {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", demo, "--set", knob, "--format", "json"]);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    let failed = |event: &&Value| event["event"] == "check" && event["ok"] == false;
    let failed: Vec<&str> =
        events.iter().filter(failed).map(|check| check["id"].as_str().unwrap()).collect();
    assert_eq!(failed, checks);
    assert_eq!(events.last().unwrap()["failed"], checks.len());
}

/// Without time stamps a segment has room for twelve bytes more.
#[test]
fn longer_segments_fail_stream() {
    fails("stream", "tcp_timestamps=0", &["chunks-segments"]);
}

/// With ports enough for everybody nothing is exhausted, and nobody meets himself.
#[test]
fn ports_enough_fail_ports() {
    let checks = [
        "oneself-accident",
        "exhausted-eleventh",
        "exhausted-silent",
        "exhausted-bind",
        "exhausted-same",
    ];
    fails("ports", "ip_local_port_range=30000 39999", &checks);
}

/// With a kernel that is patient, the client's half of a connection outlives the silence.
#[test]
fn a_patient_kernel_fails_disconnect() {
    fails("disconnect", "tcp_fin_timeout=60", &["forgotten-peer"]);
}

/// A receiver that keeps the parts of a datagram for longer has not given up when the story ends.
#[test]
fn parts_that_are_kept_for_longer_fail_datagram() {
    fails("datagram", "ipfrag_time=30", &["fragments-given-up", "fragments-icmp"]);
}
