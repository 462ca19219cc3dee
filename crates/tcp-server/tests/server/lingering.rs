//! After its last words to a peer that broke the protocol the server reads on, but not for ever.

use proto::{Ending, ProtocolError};
use tcp_server::{Limits, modes::Frames};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use crate::support::frames::split_goodbye;
use crate::support::pipe::Pipe;

fn is_protocol(ending: &Ending) -> bool {
    matches!(ending, Ending::Protocol(ProtocolError::Frame(_)))
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stays_is_left_after_two_seconds() {
    for is_tls in [false, true] {
        let limits = Limits::default();
        let linger = limits.linger;
        let mut pipe = Pipe::over(is_tls, Frames, limits, 1024).await;
        let start = Instant::now();
        pipe.client.write_all(&[0xFF; 8]).await.unwrap();
        let words = pipe.read_to_end().await;
        assert!(split_goodbye(&words).1.is_some());
        // It has read the end, and does not close.
        assert!(is_protocol(&pipe.ending().await));
        assert_eq!(start.elapsed(), linger);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_on_sending_is_left_after_a_mebibyte() {
    for is_tls in [false, true] {
        let limits = Limits::default();
        let most = limits.linger_bytes;
        let mut pipe = Pipe::over(is_tls, Frames, limits, 1024).await;
        let start = Instant::now();
        let mut sent = 0;
        while pipe.client.write_all(&[0xFF; 1024]).await.is_ok() {
            sent += 1024;
        }
        assert!(is_protocol(&pipe.ending().await));
        // What was read before the mistake was seen, and what the pipe holds, comes on top.
        assert!(sent >= most && sent <= most + 64 * 1024, "{sent}");
        assert_eq!(start.elapsed().as_millis(), 0);
    }
}
