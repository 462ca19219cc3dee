//! A peer that resets in the middle of a write, also of one of several pieces, ends its own connection: no
//! signal ends the server (SIGPIPE, signal(7)).

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::support::frames::data;
use crate::support::program::Program;
use crate::support::way::Way;

#[tokio::test]
async fn a_reset_in_the_middle_of_a_write_ends_that_connection_alone() {
    // Each change of room is a piece of its own, so the answers go out in vectored writes.
    let frames = [data(1, &[1; 900]), data(2, &[2; 900])].concat().repeat(100);
    for way in Way::ALL {
        let mut program = Program::over(way, &["-m", "frames"]);
        let mut client = way.dial(&program.addr).await;
        // Until every buffer is full, so that the server is in a write that waits.
        let half_second = Duration::from_millis(500);
        while timeout(half_second, client.stream.write_all(&frames)).await.is_ok() {}
        client.reset();
        program.event("open");
        let closed = program.event("closed");
        let expected = ["PeerReset", "PeerGone"];
        assert!(expected.contains(&closed["ending"].as_str().unwrap()), "{way:?} {closed}");

        way.dial(&program.addr).await.assert_echoes(str::from_utf8(&data(1, b"")).unwrap()).await;
        program.signal(Signal::SIGTERM);
        let left = program.wait();
        assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{way:?}");
    }
}
