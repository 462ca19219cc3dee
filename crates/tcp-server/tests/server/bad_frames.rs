//! Bytes that are no frames end the connection with a reason, after everything before them was answered,
//! and cost nobody else anything.

use std::time::Duration;

use proto::{Ending, FrameError, ProtocolError, limits::MAX_FRAME_LENGTH};
use tcp_server::{Limits, modes::Frames};
use tokio::io::{AsyncWriteExt as _, split};

use crate::support::frames::{data, split_goodbye};
use crate::support::library::{Server, read_to_end};
use crate::support::way::Way;

async fn check(bad: &[u8], then_fin: bool, expected: FrameError) {
    for way in Way::ALL {
        check_over(way, bad, then_fin, expected.clone()).await;
    }
}

/// Sends a good frame, then `bad`, then as the flag says the end of the stream; checks that the good
/// frame comes back, then the reason, then the end, and that this is how the server reports it.
async fn check_over(way: Way, bad: &[u8], then_fin: bool, expected: FrameError) {
    let mut server = Server::over(way, Frames, Limits::default()).await;
    let good = data(7, b"good");
    let mut client = server.dial().await.stream;
    client.write_all(&[&good, bad].concat()).await.unwrap();
    if then_fin {
        client.shutdown().await.unwrap();
    }
    let (echoed, goodbye) = split_goodbye(&read_to_end(&mut client).await);
    assert_eq!(echoed, good);
    let goodbye = goodbye.unwrap();
    assert_eq!((goodbye.ending.as_str(), goodbye.reason), ("Protocol", reason(&expected)));
    drop(client);

    let closed = server.closed().await;
    assert_eq!(closed.ending, Ending::Protocol(ProtocolError::Frame(expected)), "{way:?}");
    assert_eq!(closed.received, (good.len() + bad.len()) as u64);
    // Nobody waits for the linger limit once the peer has seen the end.
    assert!(closed.lasted < Duration::from_secs(2), "{:?}", closed.lasted);

    let mut next = server.dial().await.stream;
    next.write_all(&good).await.unwrap();
    next.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut next).await, good);
    assert_eq!(server.ending().await, Ending::PeerFin);
}

fn reason(error: &FrameError) -> String {
    Ending::from(error.clone()).to_string()
}

#[tokio::test]
async fn a_frame_longer_than_the_limit() {
    let length = MAX_FRAME_LENGTH + 1;
    let expected = FrameError::TooLong { length, limit: MAX_FRAME_LENGTH };
    check(&length.to_be_bytes(), false, expected).await;
}

#[tokio::test]
async fn lengths_that_would_be_negative() {
    for length in [0xFFFF_FFFF_u32, 0x8000_0000] {
        let expected = FrameError::TooLong { length, limit: MAX_FRAME_LENGTH };
        check(&length.to_be_bytes(), false, expected).await;
    }
}

#[tokio::test]
async fn a_length_that_does_not_cover_the_header() {
    check(&[0, 0, 0, 35], false, FrameError::TooShort { length: 35 }).await;
}

#[tokio::test]
async fn a_frame_that_is_cut() {
    let frame = data(7, b"never seen in full");
    let expected = FrameError::Cut { have: 41, need: frame.len() };
    check(&frame[..41], true, expected).await;
    check(&frame[..3], true, FrameError::Cut { have: 3, need: 40 }).await;
}

#[tokio::test]
async fn what_speaks_another_language() {
    let length = u32::from_be_bytes(*b"GET ");
    let expected = FrameError::TooLong { length, limit: MAX_FRAME_LENGTH };
    check(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false, expected).await;
}

#[tokio::test]
async fn a_kind_that_nobody_knows() {
    let mut frame = data(7, b"");
    frame[4] = 0xEE;
    check(&frame, false, FrameError::UnknownKind { kind: 0xEE }).await;
}

/// Noise from a small generator with a fixed seed: whatever it says, the connection ends with a reason
/// and the server goes on.
#[tokio::test]
async fn garbage() {
    for way in Way::ALL {
        garbage_over(way).await;
    }
}

async fn garbage_over(way: Way) {
    let mut server = Server::over(way, Frames, Limits::default()).await;
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..50 {
        let noise: Vec<u8> = (0..200)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_be_bytes()[3]
            })
            .collect();
        let mut client = server.dial().await.stream;
        client.write_all(&noise).await.unwrap();
        client.shutdown().await.unwrap();
        read_to_end(&mut client).await;
        let ending = server.ending().await;
        assert!(matches!(ending, Ending::Protocol(ProtocolError::Frame(_))), "{ending:?}");
    }
}

/// A peer that goes on sending after its mistake still reads why it was turned away: the server does not
/// close while there is unread input, which would send a reset after its words.
#[tokio::test]
async fn the_reason_arrives_although_the_peer_goes_on_sending() {
    for way in Way::ALL {
        reason_arrives_over(way).await;
    }
}

async fn reason_arrives_over(way: Way) {
    let mut server = Server::over(way, Frames, Limits::default()).await;
    let (mut read, mut write) = split(server.dial().await.stream);
    let sending = tokio::spawn(async move {
        write.write_all(&vec![0xFF; 600_000]).await.unwrap();
        write.flush().await.unwrap();
        write
    });
    let mut bytes = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut bytes);
    crate::support::soon("the end", reading).await.unwrap();
    let (_, goodbye) = split_goodbye(&bytes);
    assert_eq!(goodbye.unwrap().ending, "Protocol");
    drop((read, sending.await.unwrap()));
    assert_eq!(server.closed().await.received, 600_000);
}
