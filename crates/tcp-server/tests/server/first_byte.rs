//! `first_byte`: who connects and says nothing is found sooner than who falls silent.

use std::time::Duration;

use tcp_server::modes::{Discard, Frames};
use tcp_server::{Ending, Limits};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep};

use crate::support::frames::{data, split_goodbye};
use crate::support::pipe::Pipe;
use crate::support::program::Program;

fn limits() -> Limits {
    Limits { first_byte: Some(tcp_server::limits::FIRST_BYTE), ..Limits::default() }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_ended_after_first_byte() {
    for is_tls in [false, true] {
        let mut pipe = Pipe::over(is_tls, Frames, limits(), 1024).await;
        let start = Instant::now();
        let goodbye = split_goodbye(&pipe.read_to_end().await).1.unwrap();
        assert_eq!(goodbye.ending, "NoFirstByte");
        assert_eq!(start.elapsed(), Duration::from_secs(10));
        assert_eq!(pipe.ending().await, Ending::NoFirstByte);
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_said_something_may_be_idle() {
    for is_tls in [false, true] {
        let start = Instant::now();
        let mut pipe = Pipe::over(is_tls, Discard, limits(), 1024).await;
        sleep(Duration::from_secs(9)).await;
        pipe.client.write_all(b"x").await.unwrap();
        assert_eq!(pipe.ending().await, Ending::Idle);
        assert_eq!(start.elapsed(), Duration::from_secs(9 + 300));

        let start = Instant::now();
        let mut pipe = Pipe::over(is_tls, Frames, limits(), 1024).await;
        pipe.client.write_all(&data(1, b"hello")).await.unwrap();
        assert_eq!(pipe.ending().await, Ending::Idle);
        assert_eq!(start.elapsed(), Duration::from_secs(300));
    }
}

/// Where a person types it is off, and can be asked for.
#[test]
fn the_flag_sets_it_and_each_mode_has_its_own() {
    let mut program = Program::start(&["--first-byte", "100ms"]);
    let _silent = crate::support::connect(&program.addr);
    program.event("open");
    assert_eq!(program.event("closed")["ending"], "NoFirstByte");

    let folder = std::env::temp_dir();
    let mut program = Program::start(&[
        "--mode",
        "files",
        "--share",
        "give",
        "--dir",
        folder.to_str().unwrap(),
        "--first-byte",
        "100ms",
    ]);
    let _silent = crate::support::connect(&program.addr);
    program.event("open");
    assert_eq!(program.event("closed")["ending"], "NoFirstByte");
}
