//! One side dies, sleeps, or comes back: the other says so, and talk goes on.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::private_chat::pair;
use crate::support::{Home, take, take_message};

#[test]
fn who_was_killed_is_missed_and_talk_goes_on_when_he_is_back() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, one, other) = pair(41, &homes, &["--idle", "2s"]);
    right.write(b"hello\n");
    take_message(&mut left, "hello");
    right.signal(Signal::SIGKILL);
    right.finish();
    left.write("你还在吗\n".as_bytes());
    assert_eq!(take(&mut left, "disconnected")["end"], "silence");
    left.stderr.wait_for(&format!("{other} has gone"));
    left.write(b"and now?\n");
    let (mut right, _) = homes[1].start_with_events(&["chat", &other, &one]);
    // In order, once, and with nobody typing it again.
    take_message(&mut right, "你还在吗");
    take_message(&mut right, "and now?");
    right.write(b"back\n");
    take_message(&mut left, "back");
}

#[test]
fn who_comes_back_before_he_is_missed_is_heard() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, one, other) = pair(42, &homes, &[]);
    left.write(b"one\n");
    take_message(&mut right, "one");
    take(&mut left, "confirmed");
    right.signal(Signal::SIGKILL);
    right.finish();
    left.write(b"two\n");
    let (mut right, _) = homes[1].start_with_events(&["chat", &other, &one]);
    take_message(&mut right, "two");
    right.write(b"three\n");
    take_message(&mut left, "three");
}

/// What was said while the other slept is there when he wakes; nobody has given up.
#[test]
fn a_sleep_of_twenty_seconds_is_survived() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, ..) = pair(43, &homes, &[]);
    left.write(b"good night\n");
    take_message(&mut right, "good night");
    right.signal(Signal::SIGSTOP);
    left.write("睡着了吗\n".as_bytes());
    // The time itself is what is tested.
    thread::sleep(Duration::from_secs(20));
    right.signal(Signal::SIGCONT);
    take_message(&mut right, "睡着了吗");
    right.write(b"good morning\n");
    take_message(&mut left, "good morning");
    for side in [&left, &right] {
        assert!(!side.stdout.text().contains("disconnected"), "{:?}", side.stdout);
    }
}

/// Longer than either waits: both give up, and come together again by themselves.
#[test]
fn after_a_sleep_that_was_too_long_they_meet_again() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, ..) = pair(44, &homes, &["--idle", "2s"]);
    left.write(b"good night\n");
    take_message(&mut right, "good night");
    right.signal(Signal::SIGSTOP);
    left.write(b"still there?\n");
    assert_eq!(take(&mut left, "disconnected")["end"], "silence");
    right.signal(Signal::SIGCONT);
    // It may have come to the old connection or to the new one, and is told once.
    take_message(&mut right, "still there?");
    right.write(b"yes\n");
    take_message(&mut left, "yes");
    left.write(b"good\n");
    take_message(&mut right, "good");
    let heard = right.stdout.text();
    assert_eq!(heard.matches("still there?").count(), 1, "{heard}");
}
