//! What keeps the server from starting is told with its cause and a way out, and the exit code is 2.

use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;

use crate::support::program::command;

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// The program says `expected` and nothing else, and with `--json` the same again in an `end` event.
#[track_caller]
fn check(args: &[&str], kind: &str, expected: &str) {
    let output = run(args);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    assert_eq!(output.stdout, b"");

    let output = run(&[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    let events = String::from_utf8(output.stdout).unwrap();
    let [event] = events.lines().collect::<Vec<_>>()[..] else { panic!("{events}") };
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["event"], "end");
    assert_eq!((&event["ok"], &event["exit"]), (&false.into(), &2.into()));
    assert_eq!(event["error"]["kind"], kind);
    assert!(
        expected.starts_with(&format!("error: {}\n", event["error"]["message"].as_str().unwrap()))
    );
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // The threads of a test program have names of their own, so this is cut as the kernel cuts it.
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let next = if port < 65_535 { port + 1 } else { 7878 };
    check(
        &["-p", &port.to_string()],
        "address_in_use",
        &format!(
            "error: cannot listen on 127.0.0.1:{port}: address already in use\n  \
             hint: pid {} ({}) has this port; stop it, or use another one: tcp-server 127.0.0.1:{next}\n  \
             hint: --port 0 takes any free port and prints it\n",
            std::process::id(),
            name.trim_end(),
        ),
    );
}

#[test]
fn a_bad_address() {
    check(
        &["localhost:7878x"],
        "bad_address",
        "error: \"7878x\" is not a port\n  hint: a port is a number from 0 to 65535\n",
    );
}

#[test]
fn an_address_of_another_machine() {
    // RFC 5737 keeps it for documents, so no machine has it.
    check(
        &["192.0.2.1:7878"],
        "address_not_available",
        "error: cannot listen on 192.0.2.1:7878: cannot assign requested address\n  \
         hint: this machine has no such address; `ip addr` shows those that it has\n",
    );
}

#[test]
fn a_path_that_cannot_be() {
    check(
        &["unix:/nonexistent/socket"],
        "not_found",
        "error: cannot listen on unix:/nonexistent/socket: no such file or directory\n",
    );
}

#[test]
fn an_unknown_option_is_told_as_clap_does() {
    let output = run(&["--prot", "1"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("a similar argument exists: '--port'"), "{stderr}");
}
