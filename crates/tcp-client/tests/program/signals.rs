//! SIGINT and SIGTERM: the last event, or the summary, and then death by the signal.

use std::io::Write as _;

use nix::sys::signal::Signal;

use crate::support::{LIMIT, Peer, Running, command, full_queue, start};

#[test]
fn events_end_with_the_code_that_a_shell_sees() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let server = Peer::listen();
        let mut client = start(&["--json", &server.target()]);
        let mut peer = server.accept();
        peer.write_all(b"hello").unwrap();
        client.stdout.wait_for("hello");
        client.signal(signal);
        let done = client.finish();
        assert_eq!(done.signal, Some(signal as i32), "{done:?}");
        assert_eq!(done.code, code);
        let end = done.end();
        assert_eq!((&end["ending"], &end["received"]), (&"Shutdown".into(), &5.into()));
    }
}

#[test]
fn whoever_asked_for_the_story_gets_its_end() {
    let server = Peer::listen();
    let mut client = start(&["-v", &server.target()]);
    client.stderr.wait_for("connected to ");
    client.signal(Signal::SIGINT);
    let done = client.finish();
    assert_eq!(done.signal, Some(Signal::SIGINT as i32));
    assert!(done.stderr.contains("0 bytes sent, 0 bytes received in "), "{}", done.stderr);
}

#[test]
fn without_a_story_it_just_dies() {
    let server = Peer::listen();
    let client = start(&[&server.target()]);
    let _peer = server.accept();
    client.signal(Signal::SIGTERM);
    let done = client.finish();
    assert_eq!((done.signal, done.stderr.as_str()), (Some(Signal::SIGTERM as i32), ""));
}

#[test]
fn a_signal_while_connecting_ends_it_too() {
    let (_listener, _filling, addr) = full_queue();
    let mut client = start(&["--json", "-vv", &addr.to_string()]);
    client.stderr.wait_for("looked up");
    client.signal(Signal::SIGINT);
    let done = client.finish();
    assert_eq!(done.signal, Some(Signal::SIGINT as i32));
    assert_eq!(done.end()["exit"], 130);
}

/// The last event cannot be written, because nobody reads the pipe: that must not keep it alive.
#[test]
fn a_full_pipe_does_not_keep_it_alive() {
    let server = Peer::listen();
    let mut child = command(&["--json", &server.target()]).spawn().unwrap();
    let unread = child.stdout.take();
    let mut peer = server.accept();
    peer.set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    // Until the client reads no more, because it cannot write any more.
    while peer.write(&[b'x'; 8192]).is_ok() {}
    let client = Running::watch(child, LIMIT);
    client.signal(Signal::SIGTERM);
    let done = client.finish();
    assert_eq!(done.signal, Some(Signal::SIGTERM as i32));
    drop(unread);
}
