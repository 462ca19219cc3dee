//! `least_rate`: who sends a byte now and then only to be there does not stay.

use std::time::Duration;

use tcp_server::limits::{LEAST_RATE, RATE_WINDOW};
use tcp_server::modes::{Discard, Echo, Frames, Lines};
use tcp_server::{Ending, Limits, Service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

use crate::support::frames::data;
use crate::support::pipe::Pipe;

const SECOND: Duration = Duration::from_secs(1);

async fn pipe(is_tls: bool, service: impl Service) -> Pipe {
    let limits = Limits { least_rate: Some(LEAST_RATE), ..Limits::default() };
    Pipe::over(is_tls, service, limits, 2 << 20).await
}

/// Sends so many bytes each second of what never ends, until the server has had enough. Gives the seconds.
async fn sent_for(mut pipe: Pipe, bytes: &[u8]) -> (u64, Ending) {
    let start = Instant::now();
    while start.elapsed() < 100 * SECOND && pipe.client.write_all(bytes).await.is_ok() {
        sleep(SECOND).await;
    }
    let seconds = start.elapsed().as_secs();
    drop(pipe.client.shutdown().await);
    (seconds, pipe.ending().await)
}

#[tokio::test(start_paused = true)]
async fn a_trickle_ends_with_the_window_of_least_rate() {
    for is_tls in [false, true] {
        let window = RATE_WINDOW.as_secs();
        let (seconds, ending) = sent_for(pipe(is_tls, Discard).await, b"x").await;
        assert_eq!(ending, Ending::BelowRate);
        assert!((window..=window + 1).contains(&seconds), "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_keeps_the_rate_stays() {
    for is_tls in [false, true] {
        let (seconds, ending) = sent_for(pipe(is_tls, Discard).await, &[b'x'; 500]).await;
        assert_eq!((seconds, ending), (100, Ending::PeerFin));
        // One that keeps it for a while has nothing in store for later.
        let mut pipe = pipe(is_tls, Discard).await;
        pipe.client.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
        let start = Instant::now();
        assert_eq!(pipe.ending().await, Ending::BelowRate);
        assert_eq!(start.elapsed(), RATE_WINDOW);
    }
}

/// What an echo sends back counts too.
#[tokio::test(start_paused = true)]
async fn bytes_count_both_ways() {
    for is_tls in [false, true] {
        let mut pipe = pipe(is_tls, Echo).await;
        for _ in 0..100 {
            pipe.client.write_all(&[b'x'; 250]).await.unwrap();
            pipe.client.read_exact(&mut [0; 250]).await.unwrap();
            sleep(SECOND).await;
        }
        pipe.client.shutdown().await.unwrap();
        assert_eq!(pipe.ending().await, Ending::PeerFin);
    }
}

/// A frame or a line that was begun is owed, silence between two is not.
#[tokio::test(start_paused = true)]
async fn between_messages_nothing_is_owed() {
    for is_tls in [false, true] {
        let mut frames = pipe(is_tls, Frames).await;
        let frame = data(1, &[0; 100]);
        for _ in 0..3 {
            frames.client.write_all(&frame).await.unwrap();
            frames.client.read_exact(&mut vec![0; frame.len()]).await.unwrap();
            sleep(2 * RATE_WINDOW).await;
        }
        let start = Instant::now();
        frames.client.write_all(&frame[..50]).await.unwrap();
        assert_eq!(frames.ending().await, Ending::BelowRate);
        assert_eq!(start.elapsed(), RATE_WINDOW);

        let mut lines = pipe(is_tls, Lines).await;
        lines.client.write_all(b"a whole one\n").await.unwrap();
        sleep(2 * RATE_WINDOW).await;
        let start = Instant::now();
        lines.client.write_all(b"half a").await.unwrap();
        assert_eq!(lines.ending().await, Ending::BelowRate);
        assert_eq!(start.elapsed(), RATE_WINDOW);
    }
}
