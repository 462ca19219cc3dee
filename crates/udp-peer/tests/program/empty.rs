//! The empty datagram is one, and arrives.

use crate::support::{addr_of, peer, receive, receiver, run, start, take, take_text};

#[test]
fn an_empty_line_is_sent_and_received_as_an_empty_datagram() {
    let (mut receiver, addr) = receiver(&[]);
    run(&["send", &addr], b"\nafter\n").silent();
    let empty = take_text(&mut receiver, "");
    assert_eq!((&empty["bytes"], &empty["cut"]), (&0.into(), &false.into()));
    take_text(&mut receiver, "after");
}

#[test]
fn a_person_sees_that_something_came() {
    let sender = peer();
    let mut receiver = start(&["recv", "-p", "0"]);
    let story = receiver.stderr.wait_for("Ctrl-C");
    let addr = story.lines().next().unwrap().rsplit(' ').next().unwrap();
    sender.send_to(b"", addr).unwrap();
    let line = receiver.stdout.wait_for("\n");
    assert!(line.ends_with(&format!(" {} 0 bytes\n", addr_of(&sender))), "{line}");

    let peer = peer();
    let mut chat = start(&["chat", "--plain", "127.0.0.1:0", &addr_of(&peer)]);
    chat.write(b"hi\n");
    let (_, from) = receive(&peer);
    peer.send_to(b"", from).unwrap();
    chat.stdout.wait_for(": (an empty datagram)\n");
}

#[test]
fn an_empty_input_sends_nothing() {
    let peer = peer();
    let done = run(&["send", "--json", &addr_of(&peer)], b"");
    assert_eq!(take_sent(&done), 0);
}

fn take_sent(done: &tests::Finished) -> u64 {
    done.end()["sent"].as_u64().unwrap()
}

#[test]
fn the_event_of_it_is_complete() {
    let (mut receiver, addr) = receiver(&[]);
    peer().send_to(b"", &*addr).unwrap();
    let event = take(&mut receiver, "datagram");
    assert!(event["from"].is_string() && event["ts"].is_string(), "{event}");
}
