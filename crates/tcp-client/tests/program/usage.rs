//! Command lines that cannot be meant, and fingers that know another program.

use crate::support::{Running, command, run};

#[track_caller]
fn check(args: &[&str], error: &str, hint: &str) {
    let done = run(args);
    done.failed(2, error);
    assert!(done.stderr.contains(hint), "{hint:?} is not in {:?}", done.stderr);
    assert_eq!(done.stdout, b"");
    let done = run(&[&["--json"], args].concat());
    done.failed(2, error);
    assert_eq!(done.end()["error"]["kind"], "usage");
}

#[test]
fn what_is_no_address_is_told_with_the_part_that_is_wrong() {
    check(&["7878x"], "\"7878x\" is not a port", "hint: a port is a number from 1 to 65535");
    check(&["h", "70000"], "\"70000\" is not a port", "1 to 65535");
    check(&["example.org"], "\"example.org\" names no port", "hint: write example.org:7878");
    check(&["::1:7878"], "ambiguous", "hint: write [::1]:7878");
    check(&["http://h:1/"], "\"http://h:1/\" is a URL", "hint: write HOST PORT or HOST:PORT");
    check(&["h:1", "2"], "\"h:1 2\" names a port twice", "hint: write HOST PORT");
}

#[test]
fn nobody_listens_on_port_0() {
    for args in [&["127.0.0.1", "0"][..], &["[::1]:0"], &["0"]] {
        check(args, "nobody has port 0", "hint: a server that takes port 0 gets any free one");
    }
    run(&["chat", ":0"]).failed(2, "nobody has port 0");
}

#[test]
fn the_port_of_nc_and_iperf3_is_refused_with_a_hint() {
    let hint = "nc uses -p for the source port, iperf3 for the server port: \
                write HOST PORT or --source-port";
    for args in [&["-p", "5000", "h", "1"][..], &["h", "1", "-p5000"], &["-p", "7878"], &["-p"]] {
        check(args, "-p is not an option", hint);
    }
}

#[test]
fn listening_is_refused_with_the_program_that_does() {
    check(&["-l", "7878"], "tcp-client does not listen", "hint: tcp-server does");
}

#[test]
fn options_that_contradict_each_other() {
    check(&["-4", "-6", "h:1"], "cannot be used with", "--help");
    check(
        &["--on-eof", "close", "--linger-after-eof", "1s", "h:1"],
        "does not read on",
        "leave out",
    );
    check(&["-w", "soon", "h:1"], "\"soon\" is not a time", "write 500ms");
}

#[test]
fn without_arguments_it_says_what_it_is_and_how_to_go_on() {
    let done = Running::start(&mut command(&[])).finish();
    assert_eq!(done.code, 2);
    assert_eq!(done.stdout, b"");
    for part in ["Usage: tcp-client", "echo hello | tcp-client", "--help"] {
        assert!(done.stderr.contains(part), "{part:?} is not in {:?}", done.stderr);
    }
}
