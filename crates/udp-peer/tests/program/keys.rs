//! Who is who: our own key, and those of peers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Home, take, take_message, two_addresses};

#[test]
fn our_key_is_made_once_and_read_by_nobody_else() {
    let home = Home::new();
    let done = home.run(&["key"], b"");
    let key = done.stdout_text().trim_end();
    assert!(key.len() == 71 && key.starts_with("x25519:"), "{key}");
    assert!(done.stderr.contains("made a key for us"), "{}", done.stderr);
    assert_eq!(home.key(), key);
    let mode = fs::metadata(home.key_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = fs::read_to_string(home.key_file()).unwrap();
    assert!(!done.stdout_text().contains(secret.trim_end()) && !done.stderr.contains(&secret));
    home.run(&["key", "make"], b"").failed(2, "there is a key already in");
    assert_eq!(fs::read_to_string(home.key_file()).unwrap(), secret);
    assert_eq!(fs::read_dir(home.path().join("sockeye")).unwrap().count(), 1);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let home = Home::new();
    home.key();
    fs::set_permissions(home.key_file(), fs::Permissions::from_mode(0o644)).unwrap();
    home.run(&["key"], b"").failed(2, "can be read by others");
}

#[test]
fn what_is_no_key_is_told() {
    let home = Home::new();
    home.key();
    for wrong in [&b""[..], b"x", &[b'a'; 63], &[b'a'; 10_000], b"\xff\xfe"] {
        fs::write(home.key_file(), wrong).unwrap();
        home.run(&["key"], b"").failed(2, "is not a key");
    }
    home.run(&["key", "pin", ":7", "x25519:abc"], b"").failed(2, "64 hexadecimal digits");
}

#[test]
fn a_key_that_was_pinned_is_known_at_the_first_meeting() {
    let homes = [Home::new(), Home::new()];
    let (one, other) = two_addresses(21);
    let key = homes[1].key();
    assert_eq!(homes[0].run(&["key", "pin", &other, &key], b"").code, 0);
    let (mut left, _) = homes[0].start_with_events(&["chat", &one, &other]);
    let (mut right, _) =
        homes[1].start_with_events(&["chat", &other, &one, "--peer-key", &homes[0].key()]);
    assert_eq!(take(&mut left, "connected")["known"], "known");
    assert_eq!(take(&mut right, "connected")["known"], "pinned");
    // Who pins a key needs no file, and writes none.
    assert!(!homes[1].known_peers().exists());
    left.write(b"hi\n");
    take_message(&mut right, "hi");
    // Another one is not taken in its place.
    let done = homes[0].run(&["key", "pin", &other, &homes[0].key()], b"");
    done.failed(3, "has CHANGED");
}

#[test]
fn a_changed_key_is_refused_with_both_keys_and_the_line() {
    let (known, home, impostor) = (Home::new(), Home::new(), Home::new());
    let (one, other) = two_addresses(22);
    let before = known.key();
    assert_eq!(home.run(&["key", "pin", ":1", &before], b"").code, 0);
    assert_eq!(home.run(&["key", "pin", &other, &before], b"").code, 0);
    let (mut right, _) = impostor.start_with_events(&["recv", "--reliable", &other]);
    for command in [&["send", "--reliable", &other][..], &["chat", &one, &other]] {
        let done = home.start(command).finish();
        done.failed(3, &format!("the key of {other} has CHANGED"));
        for part in [&before, &impostor.key(), home.known_peers().to_str().unwrap(), "line 2"] {
            assert!(done.stderr.contains(part), "{part} is not in {}", done.stderr);
        }
        assert_eq!(done.stdout_text(), "", "nothing was said to it");
    }
    assert_eq!(take(&mut right, "connected")["event"], "connected");
    assert!(!right.stdout.text().contains("message"), "{:?}", right.stdout);
    // The same for a key that was given.
    let done = home.start(&["send", "--reliable", &other, "--peer-key", &before]).finish();
    done.failed(3, "another key than the one that was asked for");
    let remembered = fs::read_to_string(home.known_peers()).unwrap();
    assert_eq!(remembered.matches(&before).count(), 2, "{remembered}");
}

#[test]
fn a_peer_that_calls_with_a_changed_key_is_refused_too() {
    let (known, home, impostor) = (Home::new(), Home::new(), Home::new());
    let (one, other) = two_addresses(23);
    assert_eq!(home.run(&["key", "pin", &other, &known.key()], b"").code, 0);
    let left = home.start(&["chat", &one, &other]);
    let right = impostor.start(&["chat", &other, &one]);
    left.finish().failed(3, "has CHANGED");
    right.finish().failed(1, "refuses us");
}

#[test]
fn a_listener_can_ask_for_one_key() {
    let (home, friend, stranger) = (Home::new(), Home::new(), Home::new());
    let args = ["recv", "--reliable", "-p", "0", "--peer-key", &friend.key()];
    let (mut receiver, addr) = home.start_with_events(&args);
    stranger.run(&["send", "--reliable", &addr], b"let me in\n").failed(1, "refuses us");
    assert_eq!(take(&mut receiver, "stranger")["key"], stranger.key());
    assert_eq!(friend.run(&["send", "--reliable", &addr], b"hello\n").code, 0);
    assert_eq!(take_message(&mut receiver, "hello")["key"], friend.key());
}
