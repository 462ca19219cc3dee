//! `frames` gives back the same frames, however they are cut into runs and reads.

use bytes::BytesMut;
use proto::{Ending, Goodbye, Hello, Message, limits::MAX_FRAME_LENGTH};
use tcp_server::{Limits, modes::Frames};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::frames::{data, ignorable};
use crate::support::library::Server;
use crate::support::pipe::Pipe;
use crate::support::soon;
use crate::support::way::Way;

/// What comes back over every transport, which must be the same.
async fn echo(input: Vec<u8>) -> Vec<u8> {
    let expected = echo_over(Way::Tcp, input.clone()).await;
    for way in [Way::Unix, Way::Tls, Way::TlsOverUnix] {
        assert!(echo_over(way, input.clone()).await == expected, "{way:?}");
    }
    expected
}

async fn echo_over(way: Way, input: Vec<u8>) -> Vec<u8> {
    let mut server = Server::over(way, Frames, Limits::default()).await;
    let (mut read, mut write) = tokio::io::split(server.dial().await.stream);
    let writing = tokio::spawn(async move {
        write.write_all(&input).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut output = Vec::new();
    soon("the echo", read.read_to_end(&mut output)).await.unwrap();
    writing.await.unwrap();
    let closed = server.closed().await;
    assert_eq!((closed.ending, closed.sent), (Ending::PeerFin, output.len() as u64));
    output
}

#[tokio::test]
async fn one_room_in_long_runs() {
    let frames = data(7, b"0123456789").repeat(10_000);
    assert!(echo(frames.clone()).await == frames);
}

/// Every change of room ends a run, so that many pieces go out together.
#[tokio::test]
async fn two_rooms_in_turn() {
    let frames = [data(1, b"one"), data(2, b"")].concat().repeat(5_000);
    assert!(echo(frames.clone()).await == frames);
}

/// A pipe that holds less than a frame: every write ends somewhere within one of the pieces.
#[tokio::test]
async fn two_rooms_in_turn_through_a_narrow_pipe() {
    let frames = [data(1, b"one"), data(2, b"")].concat().repeat(200);
    let mut pipe = Pipe::new(Frames, Limits::default(), 17);
    let (mut read, mut write) = tokio::io::split(&mut pipe.client);
    let mut output = Vec::new();
    let talk = async {
        let (written, heard) = tokio::join!(
            async {
                write.write_all(&frames).await?;
                write.shutdown().await
            },
            read.read_to_end(&mut output),
        );
        written.and(heard)
    };
    soon("the echo", talk).await.unwrap();
    assert!(output == frames);
    assert_eq!(pipe.ending().await, Ending::PeerFin);
}

#[tokio::test]
async fn the_longest_frames() {
    let frames = data(7, &vec![b'x'; MAX_FRAME_LENGTH as usize - 36]).repeat(4);
    assert!(echo(frames.clone()).await == frames);
}

#[tokio::test]
async fn control_frames_come_back_except_a_goodbye_and_what_may_be_ignored_is() {
    let mut hello = BytesMut::new();
    let message = Hello { version: 1, name: None, max_frame: 4096, features: vec![] };
    Message::Hello(message).encode(&mut hello).unwrap();
    let mut goodbye = BytesMut::new();
    let message = Goodbye { ending: "Done".into(), reason: String::new() };
    Message::Goodbye(message).encode(&mut goodbye).unwrap();
    let ignorable = ignorable(b"from the future");
    let frame = data(7, b"x");
    let input = [&goodbye[..], &frame, &hello, &ignorable, &goodbye, &frame, &hello].concat();
    assert_eq!(echo(input).await, [&frame[..], &hello, &frame, &hello].concat());
}
