//! Nobody reads what the relay tells, or nobody can any more: people talk on, and it ends when it is asked
//! to.

use std::io::{Read as _, Write as _};

use nix::sys::signal::Signal;

use crate::Relay;

/// Somebody comes, is heard by the relay, and goes.
#[track_caller]
fn assert_serves(relay: &Relay, name: &str) {
    let mut client = relay.connect();
    write!(client, "/nick {name}\n/join room\n/quit\n").unwrap();
    let mut heard = String::new();
    client.read_to_string(&mut heard).unwrap();
    assert!(heard.ends_with("* goodbye\n"), "{heard}");
}

#[test]
fn people_talk_while_nobody_reads_the_events() {
    let mut relay = Relay::start(&[]);
    // More of them than a pipe of 64 KiB holds lines about.
    for n in 0..300 {
        assert_serves(&relay, &format!("client {n}"));
    }
    relay.signal(Signal::SIGTERM);
    assert_eq!(relay.exit_code(), Some(0));
}

#[test]
fn people_talk_on_when_the_reader_of_the_events_has_gone() {
    let mut relay = Relay::start(&[]);
    assert_serves(&relay, "early");
    relay.stdout = None;
    for n in 0..3 {
        assert_serves(&relay, &format!("client {n}"));
    }
    relay.signal(Signal::SIGTERM);
    assert_eq!(relay.exit_code(), Some(0));
}
