//! `files`: who says a little now and then only to be there does not stay, over whatever he comes.

use std::fs;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proto::transfer::{Begin, Busy, Way as Direction};
use proto::{Hello, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use crate::support::program::Program;
use crate::support::way::{Way, fresh_path};
use crate::support::{PATIENCE, soon};

fn frame(message: &Message) -> BytesMut {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trickles_frames_is_ended() {
    let folder = fresh_path("folder");
    fs::create_dir(&folder).unwrap();
    for way in Way::ALL {
        let dir = folder.to_str().unwrap();
        let limits = ["--idle", "500ms", "--least-rate", "10000"];
        let mut program =
            Program::over(way, &[&["-m", "files", "--dir", dir], &limits[..]].concat());
        let mut client = way.dial(&program.addr).await.stream;
        let features = vec!["files".to_owned()];
        let hello = Hello { version: 1, name: None, max_frame: 1 << 20, features };
        client.write_all(&frame(&Message::Hello(hello))).await.unwrap();
        client.flush().await.unwrap();
        // Its welcome.
        assert!(soon("the welcome", client.read(&mut [0; 4096])).await.unwrap() > 0);
        let begin = Begin { way: Direction::ToServer, paths: Vec::new(), run: None };
        let mut says = frame(&Message::Begin(begin));
        // It is never silent for as long as it may be.
        let start = Instant::now();
        while client.write_all(&says).await.is_ok() && client.flush().await.is_ok() {
            says = frame(&Message::Busy(Busy { file: 1, done: 1 }));
            assert!(start.elapsed() < PATIENCE, "{way:?}: it stays");
            sleep(Duration::from_millis(50)).await; // The pace at which it trickles.
        }
        program.event("open");
        assert_eq!(program.event("closed")["ending"], "BelowRate", "{way:?}");
    }
    fs::remove_dir_all(&folder).unwrap();
}
