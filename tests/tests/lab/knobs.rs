//! A knob that cannot be turned is told before anything is played.

use crate::{has_namespaces, scenarios};

#[track_caller]
fn check(knob: &str, kind: &str, message: &str, hint: &str) {
    let finished = scenarios(&["run", "silence", "--set", knob, "--format", "json"]);
    finished.failed(2, message);
    assert!(finished.stderr.contains(&format!("  hint: {hint}")), "{}", finished.stderr);
    let error = &finished.end()["error"];
    assert_eq!(error["kind"], kind, "{error}");
    assert_eq!(finished.events().len(), 1, "nothing was played");
}

#[test]
fn what_cannot_be_turned_is_told_with_its_reason() {
    if !has_namespaces() {
        return;
    }
    check(
        "tcp_syncookie=1",
        "unknown_knob",
        "there is no knob net.ipv4.tcp_syncookie",
        "the nearest: net.ipv4.tcp_syncookies",
    );
    check("somaxconn=5", "unknown_knob", "no knob", "the nearest: net.core.somaxconn");
    check("xyzzy=1", "unknown_knob", "there is no knob net.ipv4.xyzzy", "a host has what ");
    // The kernel shows it to every namespace and lets none write it.
    check(
        "net.core.rmem_max=1000",
        "bad_knob",
        "cannot write \"1000\" to /proc/sys/net/core/rmem_max: permission denied (EACCES)",
        "a host may read it",
    );
    check(
        "net.ipv4.tcp_mem=1 2 3",
        "knob_of_the_machine",
        "net.ipv4.tcp_mem is the machine's and not a host's",
        "network namespaces have no /proc/sys/net/ipv4/tcp_mem",
    );
    check(
        "tcp_syncookies=many",
        "bad_knob",
        "cannot write \"many\" to /proc/sys/net/ipv4/tcp_syncookies: invalid argument (EINVAL)",
        "the kernel takes no such value; it was \"1\"",
    );
    check(
        "tcp_retries2=07",
        "bad_knob",
        "/proc/sys/net/ipv4/tcp_retries2 does not take \"07\": it makes \"7\" of it",
        "it was \"15\"",
    );
}

/// The wire has knobs of its own, which are told as those of a host are.
#[test]
fn what_the_wire_cannot_do_is_told_with_its_reason() {
    if !has_namespaces() {
        return;
    }
    let no_knob = "the wire has no knob wire.los";
    check("wire.los=5%", "unknown_knob", no_knob, "the nearest: wire.loss");
    check("wire.xyzzy=1", "unknown_knob", "no knob wire.xyzzy", "it has wire.delay, wire.dup");
    let finished = scenarios(&["run", "silence", "--set", "wire.loss=many", "--json"]);
    finished.failed(2, "wire.loss does not take \"many\": a chance is 0% to 100%");
    let finished = scenarios(&["run", "silence", "--set", "wire.delay=6s", "--json"]);
    finished.failed(2, "wire.delay does not take \"6s\": the longest is 5 s");
}

#[test]
fn options_that_make_no_sense_together_are_refused() {
    for (args, message) in [
        (&["silence", "--set", "tcp_sack"][..], "a knob is given as KNOB=VALUE"),
        (&["silence", "--compare", "tcp_sack=1"], "two values are compared as KNOB=A,B"),
        (&["silence", "--compare", "tcp_sack=1,1"], "1 is no other value than 1"),
        (&["silence", "--loopback", "--set", "tcp_sack=0"], "would be this machine's own"),
        (&["silence", "--loopback", "--set", "wire.loss=5%"], "there is no wire"),
        (
            &["silence", "--compare", "tcp_sack=0,1", "--set", "tcp_sack=1"],
            "--set and --compare both turn net.ipv4.tcp_sack",
        ),
        (&["silence", "--compare", "tcp_sack=0,1", "--repeat", "2"], "cannot be used with"),
        (&["silence", "chat", "--keep"], "--keep keeps the hosts of one demo"),
        (&["silence", "--keep", "--loopback"], "cannot be used with"),
        (&["silence", "--step"], "there is no terminal to press it at"),
        (&["silence", "--step", "--json"], "--step is for a person"),
        (&["silence", "--repeat", "0"], "0 is not in 1..=10000"),
    ] {
        scenarios(&[&["run"], args].concat()).failed(2, message);
    }
}
