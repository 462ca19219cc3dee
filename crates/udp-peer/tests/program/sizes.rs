//! The largest datagram passes; a longer line is refused with its length, and the next one is sent.

use tests::noise;

use crate::support::{addr_of, peer, receive, receiver, run, take};

#[test]
fn the_largest_datagram_arrives_whole() {
    let peer = peer();
    // Any byte but those that end a line.
    let line: Vec<u8> = noise(65_507).iter().map(|byte| byte | 0x20).collect();
    run(&["send", &addr_of(&peer)], &line).silent();
    assert!(receive(&peer).0 == line, "it arrived otherwise");
}

#[test]
fn recv_receives_the_largest_datagram() {
    let (mut receiver, addr) = receiver(&[]);
    peer().send_to(&vec![b'x'; 65_507], &*addr).unwrap();
    let largest = take(&mut receiver, "datagram");
    assert_eq!((&largest["bytes"], &largest["cut"]), (&65_507.into(), &false.into()));
}

#[test]
fn a_longer_line_is_refused_with_its_length() {
    let peer = peer();
    let input = [&vec![b'x'; 65_508][..], b"\nafter\n"].concat();
    let done = run(&["send", "--json", &addr_of(&peer)], &input);
    done.failed(1, "1 line was not sent");
    let events = done.events();
    let refused = events.iter().find(|event| event["event"] == "not_sent").unwrap();
    assert_eq!((&refused["kind"], &refused["bytes"]), (&"too_long".into(), &65_508.into()));
    let words = "this line was not sent: a datagram takes 65507 bytes, and it has 65508\n";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    assert_eq!((&done.end()["sent"], &done.end()["not_sent"]), (&1.into(), &1.into()));
    assert_eq!(receive(&peer).0, b"after");
}

/// The end of the line is no part of the datagram, whichever it is.
#[test]
fn the_end_of_a_line_does_not_count() {
    let peer = peer();
    let input = [&vec![b'x'; 65_507][..], b"\r\n"].concat();
    run(&["send", &addr_of(&peer)], &input).silent();
    assert_eq!(receive(&peer).0.len(), 65_507);
}
