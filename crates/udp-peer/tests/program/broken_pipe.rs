//! A reader of standard output that has gone has what it wanted.

use tests::{LIMIT, Running, piped};

use crate::support::{PROGRAM, addr_of, peer, receive};

#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    let peer = peer();
    let mut child = piped(PROGRAM, &["send", &addr_of(&peer), "--wait", "1m"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut sender = Running::watch(child, LIMIT);
    sender.write(b"ping\n");
    let (_, from) = receive(&peer);
    peer.send_to(b"pong", from).unwrap();
    sender.finish().silent();
}

#[track_caller]
fn a_chat_goes_on(options: &[&str]) -> String {
    let peer = peer();
    let addr = addr_of(&peer);
    let args = [&["chat", "--plain", "127.0.0.1:0", &addr], options].concat();
    let mut child = piped(PROGRAM, &args).spawn().unwrap();
    drop(child.stdout.take());
    let mut chat = Running::watch(child, LIMIT);
    chat.write(b"before\n");
    let (_, from) = receive(&peer);
    peer.send_to(b"nobody reads this", from).unwrap();
    chat.stderr.wait_for("nobody reads standard output any more; what you say is still sent\n");
    chat.write(b"after\n");
    assert_eq!(receive(&peer).0, b"after");
    chat.close_stdin();
    let done = chat.finish();
    assert_eq!(done.code, 0, "{done:?}");
    done.stderr
}

#[test]
fn a_chat_sends_what_is_typed_to_its_end() {
    let told = a_chat_goes_on(&[]);
    assert_eq!(told.matches("nobody reads").count(), 1, "{told}");
    a_chat_goes_on(&["--json"]);
}
