//! `send --wait` shows what the peer answers, and ends when the time is over.

use std::time::{Duration, Instant};

use crate::support::{addr_of, peer, receive, run, start, start_with_events, take, take_text};

#[test]
fn an_answer_that_comes_while_it_waits_is_shown() {
    let peer = peer();
    let mut sender = start(&["send", &addr_of(&peer), "--wait", "1m"]);
    sender.write("ping\n".as_bytes());
    sender.close_stdin();
    let (question, from) = receive(&peer);
    assert_eq!(question, b"ping");
    peer.send_to("乒乓\n".as_bytes(), from).unwrap();
    assert_eq!(sender.stdout.wait_for("\n"), format!("{}: 乒乓\n", addr_of(&peer)));
}

#[test]
fn an_answer_is_shown_while_more_can_be_typed() {
    let peer = peer();
    let (mut sender, addr) = start_with_events(&["send", &addr_of(&peer)]);
    sender.write(b"one\n");
    let (_, from) = receive(&peer);
    assert_eq!(from.to_string(), addr);
    peer.send_to(b"two", from).unwrap();
    take_text(&mut sender, "two");
    sender.write(b"three\n");
    assert_eq!(receive(&peer).0, b"three");
    sender.close_stdin();
    let end = sender.finish().end();
    assert_eq!((&end["sent"], &end["received"]), (&2.into(), &1.into()));
}

#[test]
fn an_answer_of_somebody_else_is_none() {
    let (asked, stranger) = (peer(), peer());
    let (mut sender, _) = start_with_events(&["send", &addr_of(&asked), "--wait", "1m"]);
    sender.write(b"ping\n");
    let (_, from) = receive(&asked);
    stranger.send_to(b"forged", from).unwrap();
    asked.send_to(b"pong", from).unwrap();
    take_text(&mut sender, "pong");
}

#[test]
fn the_wait_ends_by_itself() {
    let peer = peer();
    let started = Instant::now();
    let done = run(&["send", &addr_of(&peer), "--wait", "200ms"], b"ping\n");
    done.silent();
    assert!(started.elapsed() >= Duration::from_millis(200));
}

/// It came before the end of the input, so the kernel has it: it is shown also without a wait.
#[test]
fn what_has_arrived_is_shown_before_the_end() {
    let peer = peer();
    let (mut sender, addr) = start_with_events(&["send", &addr_of(&peer)]);
    peer.send_to(b"early", &*addr).unwrap();
    sender.close_stdin();
    take_text(&mut sender, "early");
    assert_eq!(take(&mut sender, "end")["received"], 1);
}
