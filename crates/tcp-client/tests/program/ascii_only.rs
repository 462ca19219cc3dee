//! What it says of itself is ASCII, and has no escape sequences: in any locale, on any terminal.

use crate::support::{Peer, Running, command, full_queue, unused_port};

#[track_caller]
fn check(args: &[&str]) {
    for (name, value) in [("LC_ALL", "C"), ("NO_COLOR", "1"), ("TERM", "xterm-256color")] {
        let mut client = Running::start(command(args).env(name, value));
        client.close_stdin();
        let done = client.finish();
        assert!(!done.stderr.is_empty());
        for text in [done.stderr.as_bytes(), &done.stdout] {
            let strange = text.iter().find(|byte| !matches!(byte, b'\n' | b' '..=b'~'));
            assert_eq!(strange, None, "{args:?}: {}", String::from_utf8_lossy(text));
        }
    }
}

#[test]
fn errors_and_help_are_plain() {
    let (_bound, addr) = unused_port();
    check(&["-vvv", &addr.to_string()]);
    check(&["--nonsense"]);
    check(&[]);
    check(&["7878x"]);
}

#[test]
fn short_times_have_no_greek_letter() {
    let (_listener, _filling, addr) = full_queue();
    check(&["-vvv", "-w", "900us", "--json", &addr.to_string()]);
}

#[test]
fn the_story_of_a_good_run_is_plain() {
    let server = Peer::listen();
    let addr = server.target();
    let peers = std::thread::spawn(move || (0..3).for_each(|_| drop(server.accept())));
    check(&["-vvv", &addr]);
    peers.join().unwrap();
}
