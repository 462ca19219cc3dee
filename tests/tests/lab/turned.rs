//! Checks that fail where a knob is turned the wrong way: of a host, or of the wire.

use std::thread;

use serde_json::Value;

use crate::{events, failed_checks, has_namespaces, scenarios};

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

/// A kernel that takes all of a file from its sender sends all of it, killed or not.
#[test]
fn a_kernel_that_takes_all_fails_files() {
    let checks = ["killed-end", "killed-left", "killed-missing"];
    fails("files", "tcp_wmem=4096 4194304 4194304", &checks);
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

/// The same where a busy machine may fail others as well.
#[track_caller]
fn fails_among_others(demo: &str, knob: &str, checks: &[&str]) {
    if !has_namespaces() {
        return;
    }
    let finished = scenarios(&["run", demo, "--set", knob, "--format", "json"]);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let events = events(&finished);
    let failed = failed_checks(&events);
    for check in checks {
        assert!(failed.contains(check), "{check} is not among {failed:?}");
    }
    assert_eq!(events.last().unwrap()["failed"], failed.len());
}

/// A link that takes longer than the demo's own is seen in every time that is of it.
#[test]
fn a_slow_wire_fails_the_times_of_handshake() {
    let checks = ["talk-answer", "talk-third", "talk-rtt"];
    fails_among_others("handshake", "wire.delay=250ms", &checks);
}

/// Who gets in late gets in later still; and a system that waits for an answer for longer than a second asks
/// again, so that more is sent again, dropped and turned away than the queue is the cause of.
#[test]
fn a_slow_wire_fails_the_times_and_tries_of_backlog() {
    let checks = ["queue-holds", "turned-away", "recover-latency", "recover-retries"];
    fails_among_others("backlog", "wire.delay=600ms", &checks);
}

/// What is kept of a flood is what the queue has room for.
#[test]
fn a_shorter_queue_fails_what_is_kept_of_a_flood() {
    let checks = ["no-cookies-half-open", "cookies-half-open"];
    fails_among_others("flood", "net.core.somaxconn=4", &checks);
}

/// A wire that says everything twice changes what is counted: segments, probes, datagrams and drops.
#[test]
fn a_wire_that_doubles_fails_counts() {
    let demos = [
        ("handshake", &["talk-three", "both-open-four", "refused-resets"][..]),
        ("backlog", &["retry-after", "half-open-dropped"]),
        ("close", &["close-three", "close-four", "close-both", "tw-client-countdown"]),
        ("disconnect", &["cut-keepalive-probes"]),
        ("feedback", &["one-loss-resent", "tail-probes", "beside-one-udp-end"]),
        (
            "flood",
            &["no-cookies-dropped", "cookies-sent", "cookies-always-sent", "udp-cookies-answered"],
        ),
        (
            "datagram",
            &["road-order", "road-kept-twice", "overflow-diag", "overflow-table", "overflow-ovfl"],
        ),
    ];
    // Side by side: most of what a demo does is to wait.
    thread::scope(|scope| {
        for (demo, checks) in demos {
            scope.spawn(move || fails_among_others(demo, "wire.duplicate=100%", checks));
        }
    });
}

/// Whatever the wire loses, a demo comes to its end: what a loss makes otherwise fails a check, the rest goes
/// on, and the claims are judged by what was seen.
#[test]
fn a_demo_comes_to_its_end_over_a_wire_that_loses() {
    if !has_namespaces() {
        return;
    }
    for (demo, loss, stories, claims, checks) in [
        ("silence", "wire.loss=30%", 4, 1, &["datagram-arrives"][..]),
        ("flood", "wire.loss=10%", 5, 1, &["cookies-sent"]),
    ] {
        // The dice of a seed lose the same datagrams each time.
        let finished = scenarios(&["run", demo, "--set", loss, "--seed", "1", "--format", "json"]);
        assert_eq!(finished.code, 1, "{demo}: {}", finished.stderr);
        let events = events(&finished);
        let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!((count("story"), count("claim")), (stories, claims), "{demo}");
        let failed = failed_checks(&events);
        for check in checks {
            assert!(failed.contains(check), "{check} is not among {failed:?}");
        }
        assert_eq!(finished.end()["error"], Value::Null, "{demo}");
    }
}
