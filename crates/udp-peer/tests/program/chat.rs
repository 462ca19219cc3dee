//! Two people talk: each types and receives at the same time, in one process.

use tests::Running;

use crate::support::{
    addr_of, peer, receive, run, start, start_with_events, take, take_text, two_addresses,
};

fn pair(test: u8) -> (Running, Running, String, String) {
    let (one, other) = two_addresses(test);
    let (left, addr) = start_with_events(&["chat", "--plain", &one, &other]);
    assert_eq!(addr, one);
    let (right, addr) = start_with_events(&["chat", "--plain", &other, &one]);
    assert_eq!(addr, other);
    (left, right, one, other)
}

#[test]
fn both_receive_while_both_could_type() {
    let (mut left, mut right, one, other) = pair(1);
    // Both speak before either is heard, and nobody has ended what he types.
    left.write("你好，我是左边\n".as_bytes());
    right.write("我是右边\n".as_bytes());
    let heard = take_text(&mut right, "你好，我是左边");
    assert_eq!((&heard["from"], &heard["bytes"]), (&one.into(), &21.into()));
    let heard = take_text(&mut left, "我是右边");
    assert_eq!((&heard["from"], &heard["cut"]), (&other.into(), &false.into()));
    for round in 0..20 {
        left.write(format!("left {round}\n").as_bytes());
        right.write(format!("right {round}\n").as_bytes());
        take_text(&mut right, &format!("left {round}"));
        take_text(&mut left, &format!("right {round}"));
    }
    left.write(b"q\n");
    right.close_stdin();
    for side in [left, right] {
        let end = side.finish().end();
        assert_eq!((&end["sent"], &end["received"]), (&21.into(), &21.into()));
    }
}

#[test]
fn in_a_pipe_it_prints_lines_with_the_name_of_the_peer() {
    let (one, other) = two_addresses(2);
    let mut left = start(&["chat", "--plain", &one, &other, "-v"]);
    left.stderr.wait_for("with");
    let mut right = start(&["chat", "--plain", &other, &one, "-v"]);
    right.stderr.wait_for("with");
    left.write("在吗\n".as_bytes());
    assert_eq!(right.stdout.wait_for("\n"), format!("{one}: 在吗\n"));
    right.write("在\n".as_bytes());
    assert_eq!(left.stdout.wait_for("\n"), format!("{other}: 在\n"));
}

#[test]
fn an_empty_line_is_refused_with_a_word_why() {
    let peer = peer();
    let (mut chat, _) = start_with_events(&["chat", "--plain", "127.0.0.1:0", &addr_of(&peer)]);
    // The last blank is as wide as an ideograph.
    chat.write("\n \t\u{3000}\nnot empty\n".as_bytes());
    let refused = "this line was not sent: there is nothing in it\n";
    for bytes in [0, 5] {
        let event = take(&mut chat, "not_sent");
        assert_eq!((&event["kind"], &event["bytes"]), (&"empty".into(), &bytes.into()));
    }
    assert_eq!(receive(&peer).0, b"not empty");
    chat.stderr.wait_for(&refused.repeat(2));
    chat.close_stdin();
    // The person was told, and could say it again.
    assert_eq!(chat.finish().end()["ok"], true);
}

#[test]
fn a_peer_that_is_not_there_yet_does_not_end_it() {
    let (one, other) = two_addresses(3);
    let (mut left, _) = start_with_events(&["chat", "--plain", &one, &other]);
    left.write(b"anybody there?\n");
    assert_eq!(take(&mut left, "unreachable")["peer"], *other);
    let (mut right, _) = start_with_events(&["chat", "--plain", &other, &one]);
    left.write(b"now?\n");
    take_text(&mut right, "now?");
    right.write(b"yes\n");
    take_text(&mut left, "yes");
}

#[test]
fn an_address_that_somebody_has_is_refused() {
    let (taken, peer) = (peer(), peer());
    let done = run(&["chat", "--plain", &addr_of(&taken), &addr_of(&peer)], b"");
    let message = format!("cannot receive on {}: address already in use", addr_of(&taken));
    done.failed(2, &message);
}
