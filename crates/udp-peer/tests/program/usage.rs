//! What is wrong with a command line is told with what to write instead.

use crate::support::run;

#[track_caller]
fn check(args: &[&str], message: &str) {
    let done = run(args, b"");
    done.failed(2, message);
    let done = run(&[args, &["--json"]].concat(), b"");
    assert_eq!(done.end()["exit"], 2, "{args:?}");
}

#[test]
fn what_cannot_be_an_address_is_refused() {
    check(&["send", "example.org"], "\"example.org\" names no port");
    check(&["send", "h", "1x"], "\"1x\" is not a port");
    check(&["send", "h:1", "2"], "\"h:1 2\" names a port twice");
    check(&["send", ":0"], "nothing can be sent to 127.0.0.1:0");
    check(&["chat", ":0", ":0"], "nothing can be sent to 127.0.0.1:0");
    check(&["send"], "required");
    check(&["chat", ":0"], "required");
}

#[test]
fn a_unix_socket_is_refused_with_a_word_why() {
    check(&["recv", "unix:/tmp/x"], "udp-peer speaks UDP, and unix:/tmp/x is a Unix socket");
    check(&["send", "unix:/tmp/x"], "is a Unix socket");
    check(&["chat", ":0", "unix:/tmp/x"], "is a Unix socket");
}

#[test]
fn ends_that_cannot_meet_are_refused() {
    check(&["chat", "127.0.0.1:0", "[::1]:1"], "are not both of IPv4 or of IPv6");
    // 192.0.2.0/24 is for documentation (RFC 5737): nothing is sent there, it is only no loopback.
    let done = run(&["chat", "127.0.0.1:0", "192.0.2.1:1"], b"");
    assert_eq!(done.code, 2, "{done:?}");
}

#[test]
fn sizes_that_no_datagram_has_are_refused() {
    check(&["recv", "--max-size", "0"], "1 is the least");
    check(&["recv", "--max-size", "65528"], "at most 65527 bytes");
    check(&["recv", "--rcvbuf", "4G"], "at most 1G");
    check(&["recv", "-c", "0"], "0 is not in");
}
