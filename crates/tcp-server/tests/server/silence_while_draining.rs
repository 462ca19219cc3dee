//! While the server drains, a silent peer is let go soon and one that goes on is served.

use std::time::Duration;

use proto::Ending;
use tcp_server::modes::{Echo, Frames};
use tcp_server::{Limits, Phase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

use crate::support::frames::{data, split_goodbye};
use crate::support::pipe::Pipe;

#[tokio::test(start_paused = true)]
async fn silence_counts_from_the_signal_at_the_earliest() {
    for is_tls in [false, true] {
        let limits = Limits::default();
        let quiet = limits.drain_quiet;
        let mut pipe = Pipe::over(is_tls, Echo, limits, 1024).await;
        // It has been silent for a minute already, which was its right.
        sleep(Duration::from_secs(60)).await;
        assert_eq!(pipe.stopper.stop(), Phase::Draining);
        let start = Instant::now();
        for _ in 0..10 {
            sleep(quiet.mul_f64(0.9)).await;
            pipe.client.write_u8(b'x').await.unwrap();
            assert_eq!(pipe.client.read_u8().await.unwrap(), b'x');
        }
        assert_eq!(pipe.read_to_end().await, b"");
        assert_eq!(start.elapsed(), quiet.mul_f64(10.0));
        assert_eq!(pipe.ending().await, Ending::Shutdown);
    }
}

#[tokio::test(start_paused = true)]
async fn frames_says_goodbye() {
    for is_tls in [false, true] {
        let mut pipe = Pipe::over(is_tls, Frames, Limits::default(), 1024).await;
        let frame = data(7, b"x");
        pipe.client.write_all(&frame).await.unwrap();
        pipe.stopper.stop();
        let heard = pipe.read_to_end().await;
        let (echoed, goodbye) = split_goodbye(&heard);
        assert_eq!((echoed, goodbye.unwrap().ending.as_str()), (frame, "Shutdown"));
        assert_eq!(pipe.ending().await, Ending::Shutdown);
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_request_ends_a_wait_at_once() {
    for is_tls in [false, true] {
        let mut pipe = Pipe::over(is_tls, Echo, Limits::default(), 1024).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(pipe.stopper.stop(), Phase::Draining);
        // It hears of the first one, and is to hear of the second one too.
        sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        assert_eq!(pipe.stopper.stop(), Phase::Ended);
        assert_eq!(pipe.stopper.stop(), Phase::Ended);
        assert_eq!(pipe.ending().await, Ending::Shutdown);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
