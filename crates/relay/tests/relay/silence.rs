//! Who says nothing, or stops within a frame or a line.

use std::io::Write as _;
use std::time::Duration;

use proto::Message;
use relay::Limits;

use crate::support::{Client, Lines, Relay, data};

/// Limits that a test can wait for.
fn short() -> Limits {
    let (greet, first, message) =
        (Duration::from_millis(50), Duration::from_millis(600), Duration::from_millis(300));
    Limits { greet, first, message, ..Limits::default() }
}

#[test]
fn who_says_nothing_is_greeted_and_may_still_speak_frames() {
    let relay = Relay::start(Limits { first: Duration::from_secs(60), ..short() });
    let mut silent = Lines::connect(relay.address);
    assert!(silent.line().starts_with("* welcome"));
    let mut client = Client::silent(silent.stream.get_ref().peer_addr().unwrap());
    // The same connection goes on, in frames.
    client.stream = silent.stream.into_inner();
    client.hello(Some("alice"));
    assert!(matches!(client.message(), Message::Welcome(_)));
    relay.stop();
}

#[test]
fn who_never_says_anything_is_let_go() {
    let relay = Relay::start(short());
    let mut silent = Lines::connect(relay.address);
    assert!(silent.line().starts_with("* welcome"));
    assert_eq!(silent.line(), "* goodbye: idle for too long");
    assert_eq!(silent.line(), "");
    assert_eq!(relay.endings(1), ["Idle"]);
    relay.stop();
}

#[test]
fn half_a_frame_and_half_a_line_and_then_silence_end_the_connection() {
    let relay = Relay::start(short());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    let frame = data(room, 1, b"hello");
    alice.stream.write_all(&frame[..frame.len() - 1]).unwrap();
    assert_eq!(alice.goodbye(), "Protocol");
    assert!(bob.line().starts_with("* alice left: protocol error: a message was not complete"));
    bob.types("half a li");
    assert!(bob.line().starts_with("* goodbye: protocol error: a message was not complete"));
    let mut nobody = Client::silent(relay.address);
    nobody.stream.write_all(&[0, 0, 0]).unwrap();
    assert_eq!(nobody.goodbye(), "Protocol");
    relay.stop();
}

#[test]
fn who_has_a_name_may_be_silent_for_longer_than_any_of_these() {
    let relay = Relay::start(short());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let mut bob = Lines::in_room(relay.address, "bob", "lobby");
    // A connection that says nothing has been let go by then.
    let mut silent = Lines::connect(relay.address);
    while !silent.line().is_empty() {}
    alice.say(room, 1, "hello");
    alice.hears("hello");
    assert_eq!(bob.line(), "alice: hello");
    relay.stop();
}

/// What the kernel is to do by itself about the relay's end of a connection: `2` is a keepalive probe.
#[cfg(target_os = "linux")]
fn kernel_timer(relay: &Relay, client: &Client) -> String {
    let hex = |port: u16| format!(":{port:04X}");
    let (here, there) = (relay.address.port(), client.stream.local_addr().unwrap().port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = fields
        .into_iter()
        .find(|row| row[1].ends_with(&hex(here)) && row[2].ends_with(&hex(there)));
    // proc_net_tcp.rst: sl, local_address, rem_address, st, queues, tr:tm->when.
    row.unwrap()[5].split(':').next().unwrap().to_owned()
}

/// Silence ends nobody, so the kernel must find out who is gone without a word.
#[cfg(target_os = "linux")]
#[test]
fn the_kernel_asks_after_a_silence_whether_a_client_is_there() {
    for (keepalive, timer) in [(Some(Duration::from_secs(60)), "02"), (None, "00")] {
        let relay = Relay::start(Limits { keepalive, ..Limits::default() });
        let client = Client::named(relay.address, "alice");
        // Before that it may be about to send the welcome again.
        crate::support::until(|| (kernel_timer(&relay, &client) == timer).then_some(()));
        drop(client);
        relay.stop();
    }
}
