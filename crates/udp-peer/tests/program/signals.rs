//! SIGINT and SIGTERM: who serves ends well, who talks dies by the signal.

use nix::sys::signal::Signal;

use crate::support::{addr_of, peer, receive, receiver, start, start_with_events, take_text};

#[test]
fn recv_ends_well_and_says_what_there_was() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (mut receiver, addr) = receiver(&[]);
        peer().send_to(b"one", &*addr).unwrap();
        take_text(&mut receiver, "one");
        receiver.signal(signal);
        let done = receiver.finish();
        assert_eq!((done.code, &done.end()["received"]), (0, &1.into()));
    }
}

#[test]
fn recv_tells_a_person_the_same() {
    let mut receiver = start(&["recv", "-p", "0"]);
    receiver.stderr.wait_for("Ctrl-C stops.\n");
    receiver.signal(Signal::SIGINT);
    let done = receiver.finish();
    assert_eq!(done.code, 0);
    assert!(done.stderr.ends_with(" stopped  received=0 lost=0\n"), "{}", done.stderr);
}

#[test]
fn events_of_a_talk_end_with_the_code_that_a_shell_sees() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let peer = peer();
        let (chat, _) = start_with_events(&["chat", "--plain", "127.0.0.1:0", &addr_of(&peer)]);
        chat.signal(signal);
        let done = chat.finish();
        assert_eq!((done.signal, done.code), (Some(signal as i32), code));
        assert_eq!(done.end()["received"], 0);
    }
}

#[test]
fn without_a_story_a_talk_just_dies() {
    let peer = peer();
    let mut sender = start(&["send", &addr_of(&peer)]);
    sender.write(b"hi\n");
    receive(&peer);
    sender.signal(Signal::SIGTERM);
    let done = sender.finish();
    assert_eq!((done.signal, done.stderr.as_str()), (Some(Signal::SIGTERM as i32), ""));
}
