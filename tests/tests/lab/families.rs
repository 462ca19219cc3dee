//! The demo `families`, with a knob turned the wrong way: its checks can fail.

use crate::{events, failed_checks, has_namespaces, scenarios};

/// What fails, and no more than that, where a knob has another value than the demo counts on.
#[test]
fn a_knob_of_a_family_fails_its_own_checks() {
    if !has_namespaces() {
        return;
    }
    for (knob, expected) in [
        ("net.unix.max_dgram_qlen=2", &["datagrams-unix-full"][..]),
        ("net.ipv6.bindv6only=1", &["stacks-both", "stacks-conflict"]),
        ("tcp_timestamps=0", &["families-segment-ipv4", "families-segment-ipv6"]),
    ] {
        let finished = scenarios(&["run", "families", "--json", "--set", knob]);
        assert_eq!(finished.code, 1, "{knob}: {}", finished.stderr);
        assert_eq!(failed_checks(&events(&finished)), expected, "{knob}");
    }
}
