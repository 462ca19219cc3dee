//! A chat without `--plain`: nothing is lost, nothing comes twice, and the key of each is known.

use std::time::Duration;

use nix::sys::signal::Signal;
use tests::Running;

use crate::support::{Home, receive, take, take_message, two_addresses};
use crate::wire::Wire;

/// Two people at two addresses.
pub(crate) fn pair(
    test: u8,
    homes: &[Home; 2],
    options: &[&str],
) -> (Running, Running, String, String) {
    let (one, other) = two_addresses(test);
    let (left, addr) = homes[0].start_with_events(&[&["chat", &one, &other], options].concat());
    assert_eq!(addr, one);
    let (right, _) = homes[1].start_with_events(&[&["chat", &other, &one], options].concat());
    (left, right, one, other)
}

#[test]
fn both_receive_while_both_could_type() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, one, other) = pair(11, &homes, &[]);
    // Both speak before either is there: what they say waits.
    left.write("你好，我是左边\n".as_bytes());
    right.write("我是右边\n".as_bytes());
    let heard = take_message(&mut right, "你好，我是左边");
    assert_eq!((&heard["from"], &heard["bytes"]), (&one.clone().into(), &21.into()));
    assert_eq!(heard["key"], homes[0].key());
    let heard = take_message(&mut left, "我是右边");
    assert_eq!((&heard["from"], &heard["key"]), (&other.into(), &homes[1].key().into()));
    for round in 0..20 {
        left.write(format!("left {round}\n").as_bytes());
        right.write(format!("right {round}\n").as_bytes());
        take_message(&mut right, &format!("left {round}"));
        take_message(&mut left, &format!("right {round}"));
    }
    left.write(b"q\n");
    assert_eq!(take(&mut right, "disconnected")["end"], "left");
    right.close_stdin();
    for side in [left, right] {
        let done = side.finish();
        assert_eq!(done.code, 0, "{done:?}");
        let end = done.end();
        assert_eq!((&end["sent"], &end["received"]), (&21.into(), &21.into()));
        assert_eq!(end["unconfirmed"], 0, "{end}");
        let connected = done.events().into_iter().filter(|event| event["event"] == "connected");
        assert_eq!(connected.count(), 1, "two calls that cross are one connection");
    }
}

#[test]
fn the_second_meeting_knows_the_key_of_the_first() {
    let homes = [Home::new(), Home::new()];
    let (one, other) = two_addresses(12);
    for known in ["first", "known"] {
        let (mut left, _) = homes[0].start_with_events(&["chat", &one, &other]);
        let (mut right, _) = homes[1].start_with_events(&["chat", &other, &one]);
        assert_eq!(take(&mut left, "connected")["known"], known);
        assert_eq!(take(&mut right, "connected")["known"], known);
        for side in [left, right] {
            side.signal(Signal::SIGTERM);
            side.finish();
        }
        let remembered = std::fs::read_to_string(homes[0].known_peers()).unwrap();
        assert_eq!(remembered, format!("noise {other} {}\n", homes[1].key()));
    }
}

#[test]
fn who_is_not_there_yet_gets_what_was_said_before() {
    let homes = [Home::new(), Home::new()];
    let (one, other) = two_addresses(13);
    let (mut left, _) = homes[0].start_with_events(&["chat", &one, &other]);
    left.write("在吗\n".as_bytes());
    assert_eq!(take(&mut left, "waiting")["bytes"], 6);
    assert_eq!(take(&mut left, "unreachable")["what"], "port");
    let (mut right, _) = homes[1].start_with_events(&["chat", &other, &one]);
    take_message(&mut right, "在吗");
    right.write("在\n".as_bytes());
    take_message(&mut left, "在");
}

#[test]
fn the_longest_line_arrives_and_a_longer_one_is_told() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, ..) = pair(14, &homes, &[]);
    let longest = 1024 * 1024 - 36;
    left.write(&[vec![b'x'; longest + 1], vec![b'\n']].concat());
    let told = take(&mut left, "not_sent");
    assert_eq!((&told["kind"], &told["bytes"]), (&"too_long".into(), &(longest + 1).into()));
    left.write(&[vec![b'y'; 2 * 1024 * 1024], vec![b'\n']].concat());
    assert_eq!(take(&mut left, "not_sent")["bytes"], 2 * 1024 * 1024);
    left.write(&[vec![b'z'; longest], vec![b'\n']].concat());
    let heard = take(&mut right, "message");
    assert_eq!(heard["bytes"], longest);
    assert!(heard["text"].as_str().unwrap().bytes().all(|byte| byte == b'z'));
}

#[test]
fn nobody_on_the_way_reads_it_or_changes_it() {
    let homes = [Home::new(), Home::new()];
    let (one, other) = two_addresses(15);
    let mut wire = Wire::between(&one, &other);
    let (near_left, near_right) = wire.ends();
    wire.damage_every(7);
    let (mut left, _) = homes[0].start_with_events(&["chat", &one, &near_left]);
    let (mut right, _) = homes[1].start_with_events(&["chat", &other, &near_right]);
    for round in 0..50 {
        left.write(format!("a secret {round}\n").as_bytes());
        take_message(&mut right, &format!("a secret {round}"));
    }
    let (damaged, seen) = (wire.damaged(), wire.seen());
    assert!(damaged > 5, "{damaged}");
    for secret in [&b"secret"[..], &homes[0].key().as_bytes()[7..]] {
        assert!(!seen.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn what_stands_on_the_wire_is_no_plain_datagram() {
    let home = Home::new();
    let peer = crate::support::peer();
    let addr = crate::support::addr_of(&peer);
    let (mut chat, local) = home.start_with_events(&["chat", "127.0.0.1:0", &addr]);
    chat.write(b"hello\n");
    // The first packet: of one length, and nothing of the line in it.
    let (datagram, from) = receive(&peer);
    assert_eq!((datagram.len(), from.to_string()), (1200, local));
    assert!(!datagram.windows(5).any(|window| window == b"hello"));
}

#[test]
fn over_a_bad_wire_it_is_as_if_nothing_were_wrong() {
    let homes = [Home::new(), Home::new()];
    let (one, other) = two_addresses(16);
    let mut wire = Wire::between(&one, &other);
    let (near_left, near_right) = wire.ends();
    wire.lose(10, 3);
    let (mut left, _) = homes[0].start_with_events(&["chat", &one, &near_left]);
    let (mut right, _) = homes[1].start_with_events(&["chat", &other, &near_right]);
    for round in 0..100 {
        left.write(format!("左 {round}\n").as_bytes());
        right.write(format!("右 {round}\n").as_bytes());
        if round == 50 {
            wire.cut(Duration::from_secs(5));
        }
        take_message(&mut right, &format!("左 {round}"));
        take_message(&mut left, &format!("右 {round}"));
    }
    for side in [&mut left, &mut right] {
        side.close_stdin();
    }
    for side in [left, right] {
        let done = side.finish();
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(!done.stdout_text().contains("silence"), "{}", done.stdout_text());
    }
    assert!(wire.lost() > 20, "{}", wire.lost());
}
