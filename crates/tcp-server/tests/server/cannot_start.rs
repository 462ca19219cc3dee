//! What keeps the server from starting is told with its cause and a way out, and the exit code is 2.

use std::net::TcpListener;

use tests::{Finished, Running};

use crate::support::program::command;

fn run(args: &[&str]) -> Finished {
    Running::start(&mut command(args)).finish()
}

/// The program says `expected` and nothing else, and with `--json` the same again in an `end` event.
#[track_caller]
fn check(args: &[&str], kind: &str, expected: &str) {
    let text = run(args);
    assert_eq!((text.code, text.stderr.as_str(), text.stdout_text()), (2, expected, ""));

    let json = run(&[args, &["--json"]].concat());
    assert_eq!((json.code, json.stderr.as_str(), json.events().len()), (2, expected, 1));
    let error = &json.end()["error"];
    assert_eq!(error["kind"], kind);
    let message = format!("error: {}\n", error["message"].as_str().unwrap());
    assert!(expected.starts_with(&message), "{message}");
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
fn a_link_local_address_without_its_interface() {
    if TcpListener::bind("[::1]:0").is_err() {
        return tests::skip("no IPv6 on loopback");
    }
    check(
        &["[fe80::1]:7878"],
        "io",
        "error: cannot listen on [fe80::1]:7878: invalid argument\n  \
         hint: a link-local address is one of each interface: [fe80::1%eth0]:7878 names it; \
         `ip addr` shows those that there are\n",
    );
}

#[test]
fn a_path_that_cannot_be() {
    check(
        &["unix:/nonexistent/socket"],
        "not_found",
        "error: cannot listen on unix:/nonexistent/socket: no such file or directory\n  \
         hint: there is no folder /nonexistent; mkdir -p makes it\n",
    );
}

/// Nobody may make files in /sys, not even root.
#[test]
fn a_path_where_nobody_may_write() {
    let finished = run(&["unix:/sys/socket"]);
    finished.failed(2, "cannot listen on unix:/sys/socket: ");
    let hint = "  hint: the socket's file is made in /sys, where you may not write; in /tmp everybody \
                may: tcp-server unix:/tmp/tcp-server.sock\n";
    assert!(finished.stderr.ends_with(hint), "{}", finished.stderr);
}

#[test]
fn a_name_that_nobody_has() {
    let finished = run(&["no-such-host.invalid.:99"]);
    finished.failed(2, "cannot find host \"no-such-host.invalid.\": ");
    let hint = "  hint: `getent hosts no-such-host.invalid.` asks the same name service\n";
    assert!(finished.stderr.ends_with(hint), "{}", finished.stderr);
}

#[test]
fn an_unknown_option_is_told_as_clap_does() {
    let finished = run(&["--prot", "1"]);
    assert_eq!(finished.code, 2);
    let tip = "a similar argument exists: '--port'";
    assert!(finished.stderr.contains(tip), "{}", finished.stderr);
}
