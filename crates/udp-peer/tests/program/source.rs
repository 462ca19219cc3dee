//! `send --source`: the receiver sees the port that the sender has chosen.

use crate::support::{addr_of, deaf_port, peer, receive, receiver, run, take_text};

#[test]
fn the_receiver_sees_the_port_of_the_source() {
    let (mut receiver, addr) = receiver(&[]);
    let (reserved, source) = deaf_port();
    drop(reserved);
    run(&["send", &addr, "--source", &source], b"hello\n").silent();
    assert_eq!(take_text(&mut receiver, "hello")["from"], *source);
}

#[test]
fn a_source_may_be_an_address_with_any_port() {
    let peer = peer();
    run(&["send", &addr_of(&peer), "-s", "127.0.0.2:0"], b"hello\n").silent();
    assert_eq!(receive(&peer).1.ip().to_string(), "127.0.0.2");
}

#[test]
fn a_source_that_somebody_has_is_refused() {
    let (taken, peer) = (peer(), peer());
    let source = addr_of(&taken);
    let done = run(&["send", "--json", &addr_of(&peer), "--source", &source], b"hello\n");
    done.failed(2, &format!("cannot receive on {source}: address already in use"));
    assert_eq!(done.end()["error"]["kind"], "address_in_use");
}
