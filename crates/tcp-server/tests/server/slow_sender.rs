//! A client that says little: served as long as it is within the limits, and never for ever.

use std::time::Duration;

use proto::{Ending, ProtocolError};
use tcp_server::Limits;
use tcp_server::modes::{Discard, Echo, Frames, Lines};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

use crate::support::frames::{data, ignorable, split_goodbye};
use crate::support::pipe::Pipe;

const SECOND: Duration = Duration::from_secs(1);
const PIPE: usize = 64 * 1024;

fn unfinished(limits: &Limits) -> Ending {
    Ending::Protocol(ProtocolError::Unfinished { limit: limits.message })
}

/// A byte a second is slow, not idle: bytes have no end that could be missing.
#[tokio::test(start_paused = true)]
async fn one_byte_a_second_is_echoed_for_an_hour() {
    for is_tls in [false, true] {
        let mut pipe = Pipe::over(is_tls, Echo, Limits::default(), PIPE).await;
        for _ in 0..3600 {
            pipe.client.write_u8(b'x').await.unwrap();
            assert_eq!(pipe.client.read_u8().await.unwrap(), b'x');
            sleep(SECOND).await;
        }
        pipe.client.shutdown().await.unwrap();
        assert_eq!(pipe.ending().await, Ending::PeerFin);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_comes_a_byte_a_second_is_given_a_minute() {
    for is_tls in [false, true] {
        let limits = Limits::default();
        let mut pipe = Pipe::over(is_tls, Frames, limits.clone(), PIPE).await;
        let start = Instant::now();
        // 59 bytes in a minute, of a frame of 60.
        let frame = data(7, &[0; 20]);
        for byte in &frame[..59] {
            pipe.client.write_u8(*byte).await.unwrap();
            sleep(SECOND).await;
        }
        let words = pipe.read_to_end().await;
        assert_eq!(start.elapsed(), limits.message);
        assert_eq!(split_goodbye(&words).1.unwrap().ending, "Protocol");
        assert_eq!(pipe.ending().await, unfinished(&limits));
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_comes_a_byte_a_second_is_given_a_minute() {
    for is_tls in [false, true] {
        let limits = Limits::default();
        let mut pipe = Pipe::over(is_tls, Lines, limits.clone(), PIPE).await;
        let start = Instant::now();
        while start.elapsed() < limits.message {
            pipe.client.write_u8(b'x').await.unwrap();
            sleep(SECOND).await;
        }
        let answer = pipe.read_to_end().await;
        assert_eq!(start.elapsed(), limits.message);
        assert_eq!(answer, b"error: a message was not complete within 60s\n");
        assert_eq!(pipe.ending().await, unfinished(&limits));
    }
}

/// The minute is each message's own: a stream of frames may go on for ever, also when no read ever ends
/// where a frame does, and also when none of them is answered.
#[tokio::test(start_paused = true)]
async fn frames_may_go_on_for_hours() {
    for is_tls in [false, true] {
        for (frame, answer) in
            [(data(7, &[0; 20]), data(7, &[0; 20])), (ignorable(&[0; 20]), vec![])]
        {
            let mut pipe = Pipe::over(is_tls, Frames, Limits::default(), PIPE).await;
            pipe.client.write_all(&frame[..30]).await.unwrap();
            let rest = [&frame[30..], &frame[..30]].concat();
            let mut heard = vec![0; answer.len()];
            for _ in 0..500 {
                sleep(30 * SECOND).await;
                pipe.client.write_all(&rest).await.unwrap();
                pipe.client.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, answer);
            }
            pipe.client.write_all(&frame[30..]).await.unwrap();
            pipe.client.shutdown().await.unwrap();
            assert_eq!(pipe.ending().await, Ending::PeerFin);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_five_minutes_to_the_millisecond() {
    for is_tls in [false, true] {
        let limits = Limits::default();
        let idle = limits.idle.unwrap();
        let mut pipe = Pipe::over(is_tls, Echo, limits, PIPE).await;
        // The timer of an earlier wait must not shorten a later one.
        for wait in [Duration::ZERO, SECOND, idle.mul_f64(0.999)] {
            sleep(wait).await;
            pipe.client.write_u8(b'x').await.unwrap();
            pipe.client.read_u8().await.unwrap();
        }
        let start = Instant::now();
        assert_eq!(pipe.read_to_end().await, b"");
        let waited = start.elapsed();
        assert!(waited >= idle && waited <= idle + Duration::from_millis(2), "{waited:?}");
        assert_eq!(pipe.ending().await, Ending::Idle);
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_idle_limit_silence_may_last() {
    for is_tls in [false, true] {
        for idle in [None, Some(Duration::MAX)] {
            let mut pipe =
                Pipe::over(is_tls, Discard, Limits { idle, ..Limits::default() }, PIPE).await;
            sleep(Duration::from_secs(365 * 24 * 3600)).await;
            pipe.client.write_u8(b'x').await.unwrap();
            pipe.client.shutdown().await.unwrap();
            assert_eq!(pipe.ending().await, Ending::PeerFin);
        }
    }
}

/// An idle peer of `frames` is told why.
#[tokio::test(start_paused = true)]
async fn an_idle_peer_hears_a_goodbye() {
    for is_tls in [false, true] {
        let mut pipe = Pipe::over(is_tls, Frames, Limits::default(), PIPE).await;
        let words = pipe.read_to_end().await;
        assert_eq!(split_goodbye(&words).1.unwrap().ending, "Idle");
        assert_eq!(pipe.ending().await, Ending::Idle);
    }
}
