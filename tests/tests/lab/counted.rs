//! What each demo says that the kernels counted and have, beside what `nstat` and `ss` say inside the same
//! hosts.

use crate::agreement::{Kept, can_look_inside};
use crate::inside::Started;

/// A counter that moved in a story: the story, the host, and its name.
type Counter = (&'static str, &'static str, &'static str);

/// Plays a demo and compares these counters of it, and these checks, each with the counter that it is of.
#[track_caller]
fn agrees(demo: &str, counters: &[Counter], checks: &[(&str, Counter)]) {
    if !can_look_inside() {
        return;
    }
    let of_checks = checks.iter().map(|(_, counter)| *counter);
    let mut hosts: Vec<(&str, &str)> =
        counters.iter().copied().chain(of_checks).map(|(story, host, _)| (story, host)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let kept = Kept::with(Kept::begin(demo), hosts);
    for (story, host, counter) in counters {
        kept.compare_counter(story, host, counter);
    }
    for (check, (story, host, counter)) in checks {
        let theirs = kept.nstat(story, host, counter).to_string();
        assert_eq!(kept.measured(check), theirs, "{check}: {counter} of {host}, {story}");
    }
    kept.end();
}

/// What opens a connection, what is refused, and what a forged segment does.
#[test]
fn handshake_is_counted_as_by_nstat() {
    let refused = ("refused", "server", "TcpOutRsts");
    let attempts = ("refused", "client", "TcpAttemptFails");
    let embryonic = ("old-duplicate", "server", "TcpExtEmbryonicRsts");
    agrees(
        "handshake",
        &[
            ("both-open", "left", "TcpActiveOpens"),
            ("third", "client", "TcpExtTCPSYNChallenge"),
            ("third", "server", "TcpExtTCPSynRetrans"),
            ("clients", "server", "TcpPassiveOpens"),
            ("clients", "server", "TcpExtEmbryonicRsts"),
            ("unanswered", "client", "TcpExtTCPSynRetrans"),
            ("accept", "server", "TcpPassiveOpens"),
        ],
        &[
            ("refused-resets", refused),
            ("refused-attempts", attempts),
            ("duplicate-counted", embryonic),
        ],
    );
}

/// How often the kernel tried again, and that it gave up.
#[test]
fn feedback_is_counted_as_by_nstat() {
    let of = |counter| ("given-up", "client", counter);
    agrees(
        "feedback",
        &[
            of("TcpExtTCPLossProbes"),
            of("TcpExtTCPLostRetransmit"),
            ("outlives", "client", "TcpRetransSegs"),
            ("outlives", "server", "TcpExtTCPOFOQueue"),
            ("user-timeout", "client", "TcpExtTCPTimeouts"),
        ],
        &[
            ("given-up-resent", of("TcpRetransSegs")),
            ("given-up-timeouts", of("TcpExtTCPTimeouts")),
            ("given-up-aborts", of("TcpExtTCPAbortOnTimeout")),
            ("user-timeout-aborts", ("user-timeout", "client", "TcpExtTCPAbortOnTimeout")),
        ],
    );
}

/// Connections that went into TIME_WAIT, acknowledgements that were held back, and the RST to a late copy.
#[test]
fn close_is_counted_as_by_nstat() {
    agrees(
        "close",
        &[
            ("three", "client", "TcpExtTW"),
            ("four", "server", "TcpExtDelayedACKs"),
            ("both", "client", "TcpExtTW"),
            ("both", "server", "TcpExtTW"),
            ("half-close", "client", "TcpExtTW"),
        ],
        &[],
    );
}

/// What became of every forged request, and of every cookie.
#[test]
fn flood_is_counted_as_by_nstat() {
    agrees(
        "flood",
        &[
            ("no-cookies", "server", "TcpExtTCPReqQFullDrop"),
            ("no-cookies", "server", "TcpExtListenDrops"),
            ("no-cookies", "client", "TcpExtTCPSynRetrans"),
            ("cookies", "server", "TcpExtTCPReqQFullDoCookies"),
            ("cookies", "server", "TcpExtSyncookiesSent"),
            ("cookies-always", "server", "TcpExtSyncookiesSent"),
            ("cost", "server", "TcpPassiveOpens"),
        ],
        &[
            ("cookies-returned", ("cookies", "server", "TcpExtSyncookiesRecv")),
            ("cookies-always-returned", ("cookies-always", "server", "TcpExtSyncookiesRecv")),
        ],
    );
}

#[test]
fn stream_is_counted_as_by_nstat() {
    agrees(
        "stream",
        &[
            ("lines", "server", "TcpPassiveOpens"),
            ("frames", "client", "TcpActiveOpens"),
            ("file", "client", "TcpActiveOpens"),
            ("file", "client", "TcpExtTW"),
        ],
        &[],
    );
}

/// A connection for each file, and one more for each sender that is started again.
#[test]
fn files_are_counted_as_by_nstat() {
    agrees(
        "files",
        &[
            ("crosses", "client", "TcpActiveOpens"),
            ("crosses", "client", "TcpExtTW"),
            ("killed", "client", "TcpActiveOpens"),
            ("killed", "server", "TcpPassiveOpens"),
            ("same-name", "server", "TcpPassiveOpens"),
            ("same-name", "client", "TcpExtTW"),
        ],
        &[],
    );
}

/// What found no room, no port, or not all of its parts.
#[test]
fn datagram_is_counted_as_by_nstat() {
    let overflow = |counter| ("overflow", "server", counter);
    agrees(
        "datagram",
        &[
            ("lines", "server", "UdpInDatagrams"),
            ("road", "client", "UdpOutDatagrams"),
            ("cut", "server", "UdpInDatagrams"),
            ("unreachable", "client", "IcmpInDestUnreachs"),
            ("unreachable", "server", "IcmpOutDestUnreachs"),
            ("fragments", "client", "IcmpInTimeExcds"),
            overflow("UdpInDatagrams"),
        ],
        &[
            ("fragments-parts", ("fragments", "client", "IpFragCreates")),
            ("fragments-arrived", ("fragments", "server", "IpReasmReqds")),
            ("fragments-joined", ("fragments", "server", "IpReasmOKs")),
            ("fragments-given-up", ("fragments", "server", "IpReasmTimeout")),
            ("overflow-rcvbuf-errors", overflow("UdpRcvbufErrors")),
            ("overflow-in-errors", overflow("UdpInErrors")),
            ("closed-no-ports", ("unreachable", "server", "UdpNoPorts")),
        ],
    );
}

#[test]
fn ports_are_counted_as_by_nstat() {
    agrees(
        "ports",
        &[
            ("no-bind", "server", "UdpInDatagrams"),
            ("no-listen", "client", "TcpAttemptFails"),
            ("no-accept", "server", "TcpOutRsts"),
            ("both-open", "alice", "TcpActiveOpens"),
            ("oneself", "host", "TcpActiveOpens"),
            ("exhausted", "client", "TcpActiveOpens"),
            ("exhausted", "server", "TcpPassiveOpens"),
        ],
        &[],
    );
}

/// The half-open connections of a flooded server, as `ss` shows them while the flood's client waits.
#[test]
fn a_full_pool_is_what_ss_shows() {
    if !can_look_inside() {
        return;
    }
    let demo = Kept::begin("flood");
    let server = Started::by(&demo, "tcp-server --format json --quiet --mode lines --backlog 8");
    let mut most = 0;
    while let Some(shown) = server.ss("-Htan") {
        most = most.max(shown.lines().filter(|line| line.starts_with("SYN-RECV")).count());
    }
    let kept = Kept::with(demo, vec![("cost", "attacker")]);
    assert_eq!(kept.measured("no-cookies-half-open"), most.to_string());
    kept.end();
}

/// What nobody acknowledges is in the send queue that `ss` shows, and its timer runs.
#[test]
fn what_is_kept_is_what_ss_shows() {
    if !can_look_inside() {
        return;
    }
    let demo = Kept::begin("feedback");
    let client = Started::by(&demo, "tcp-client --format json --quiet --user-timeout 2s");
    let keeps = |shown: &str| {
        shown.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // State, Recv-Q, Send-Q.
            words.first() == Some(&"ESTAB")
                && words.get(2) == Some(&"100")
                && line.contains("timer:(on,")
        })
    };
    client.wait_for("-Htno", keeps).expect("a hundred bytes and a timer");
    let kept = Kept::with(demo, vec![("user-timeout", "client")]);
    assert_eq!(kept.measured("silent-kept"), "100");
    kept.end();
}

/// TIME_WAIT is where the demo says that it is, and its countdown is the one that `ss` shows.
#[test]
fn time_wait_is_what_ss_shows() {
    if !can_look_inside() {
        return;
    }
    let kept = Kept::with(Kept::begin("close"), vec![("late-copy", "server")]);
    let shown = kept.inside_all("time-wait", &["ss", "-Htano", "state", "time-wait"]);
    let mut owners = Vec::new();
    for (host, shown) in &shown {
        for line in shown.lines() {
            // The demo takes some seconds, and the state has no column of its own where one is asked for.
            let left =
                line.split("timer:(timewait,").nth(1).and_then(|left| left.split("sec").next());
            let left: u32 = left.and_then(|left| left.parse().ok()).expect("seconds");
            assert!((1..=60).contains(&left), "{line}");
            owners.push(host.as_str());
        }
    }
    owners.sort_unstable();
    assert_eq!(owners, ["client", "server"], "{shown:?}");
    assert_eq!(kept.measured("tw-client-owner"), "client");
    assert_eq!(kept.measured("tw-server-owner"), "server");
    kept.end();
}
