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
