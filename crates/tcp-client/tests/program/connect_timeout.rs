//! Nobody answers: the queue of the listener is full, so the kernel drops each SYN.

use std::time::{Duration, Instant};

use tcp_client::connect::{Cause, Why};
use tcp_client::{ConnectOptions, connect};

use crate::support::{full_queue, run};

#[test]
fn the_time_limit_of_the_user_is_124() {
    let (_listener, _filling, addr) = full_queue();
    let started = Instant::now();
    let done = run(&["-w", "300ms", &addr.to_string()]);
    assert!(done.at - started >= Duration::from_millis(300));
    done.failed(124, &format!("no answer from {addr} within 300ms (SYN sent, no reply"));
    assert!(done.stderr.contains("(SYN sent, no reply: the backlog of the server may be full)"));
    assert!(done.stderr.contains("hint: -w 30s waits longer; tcp-client -z 127.0.0.1"));
    assert!(done.stderr.contains("hint: `cargo xtask demo backlog` shows"));
}

#[test]
fn a_check_of_the_port_says_the_same() {
    let (_listener, _filling, addr) = full_queue();
    let done = run(&["-z", "-w", "0.2", "--json", &addr.to_string()]);
    done.failed(124, "no answer");
    assert_eq!(done.end()["error"]["kind"], "timed_out");
    assert!(!done.stderr.contains("only checks"));
}

#[test]
fn the_deadline_counts_while_connecting_too() {
    let (_listener, _filling, addr) = full_queue();
    let done = run(&["--deadline", "200ms", "--json", &addr.to_string()]);
    done.failed(124, &format!("no connection to {addr} before the deadline of 200ms"));
    assert_eq!(done.end()["error"]["kind"], "deadline");
}

#[tokio::test]
async fn the_library_tells_it_apart_from_a_refusal() {
    let (_listener, _filling, addr) = full_queue();
    let timeout = Some(Duration::from_millis(200));
    let options = ConnectOptions { timeout, ..ConnectOptions::default() };
    let error = connect(&addr.into(), &options).await.unwrap_err();
    assert!(error.timed_out());
    assert!(error.may_pass());
    assert!(error.elapsed >= Duration::from_millis(200));
    let Cause::Unreached(tried) = &error.cause else { panic!("{error}") };
    assert!(matches!(tried[..], [ref one] if matches!(one.why, Why::TimedOut(_))));
}
