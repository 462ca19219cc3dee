//! A datagram that does not fit is told to be cut, with the length that it had.

use crate::support::{peer, receiver, start, take};

#[test]
fn a_cut_datagram_is_told_and_the_next_one_is_whole() {
    let (mut receiver, addr) = receiver(&["--max-size", "4"]);
    let sender = peer();
    for datagram in ["hello world", "four", ""] {
        sender.send_to(datagram.as_bytes(), &*addr).unwrap();
    }
    let cut = take(&mut receiver, "datagram");
    assert_eq!(
        (&cut["bytes"], &cut["kept"], &cut["cut"], &cut["text"]),
        (&11.into(), &4.into(), &true.into(), &"hell".into())
    );
    let whole = take(&mut receiver, "datagram");
    assert_eq!((&whole["bytes"], &whole["cut"]), (&4.into(), &false.into()));
    assert_eq!(whole.get("kept"), None);
    assert_eq!(take(&mut receiver, "datagram")["cut"], false);
}

#[test]
fn a_person_is_told_too() {
    let mut receiver = start(&["recv", "-p", "0", "--max-size", "4"]);
    let story = receiver.stderr.wait_for("Ctrl-C");
    let addr = story.lines().next().unwrap().rsplit(' ').next().unwrap();
    peer().send_to(b"hello world", addr).unwrap();
    let line = receiver.stdout.wait_for("\n");
    assert!(line.ends_with(" 11 bytes (cut to 4): hell\n"), "{line}");
}
