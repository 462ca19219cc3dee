//! A client that does not read is waited for, but not for ever.

use std::io::ErrorKind;

use proto::Ending;
use tcp_server::{Limits, modes::Echo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Duration, Instant, sleep};

use crate::support::library::Server;
use crate::support::pipe::Pipe;
use crate::support::soon;

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_half_a_minute() {
    let limits = Limits::default();
    let (size, write) = (1024, limits.write);
    let mut pipe = Pipe::new(Echo, limits, size);
    let start = Instant::now();
    // The first part fills the way back, the second one cannot be written.
    pipe.client.write_all(&[b'x'; 1024]).await.unwrap();
    pipe.client.write_all(b"y").await.unwrap();
    assert_eq!(pipe.ending.await.unwrap(), Ending::TooSlow);
    assert_eq!(start.elapsed(), write);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_only_slow_gets_everything() {
    let limits = Limits::default();
    let write = limits.write;
    let mut pipe = Pipe::new(Echo, limits, 1024);
    for round in 0..100_u8 {
        pipe.client.write_all(&[round; 1024]).await.unwrap();
        sleep(write.mul_f64(0.99)).await;
        let mut answer = [0; 1024];
        pipe.client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [round; 1024]);
    }
    pipe.client.shutdown().await.unwrap();
    assert_eq!(pipe.ending().await, Ending::PeerFin);
}

/// On a real socket the end is a reset: what the peer did not take would else stay in the kernel, which
/// goes on offering it.
#[tokio::test]
async fn it_is_reset_so_that_the_kernel_keeps_nothing_for_it() {
    let limits = Limits { write: Duration::from_millis(100), ..Limits::default() };
    let mut server = Server::start(Echo, limits).await;
    let client = server.connect().await;
    let (mut read, mut write) = client.into_split();
    let chunk = vec![b'x'; 1 << 20];
    let failed = soon("a write that fails", async {
        loop {
            if let Err(error) = write.write_all(&chunk).await {
                return error.kind();
            }
        }
    })
    .await;
    assert!(matches!(failed, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{failed}");
    let closed = server.closed().await;
    assert_eq!(closed.ending, Ending::TooSlow);
    assert!(closed.sent < closed.received);
    // What was in the client's own buffer survives; behind it is no FIN but the reset.
    let mut rest = Vec::new();
    let end = soon("the rest", read.read_to_end(&mut rest)).await;
    assert!(end.is_err() || failed == ErrorKind::ConnectionReset, "{end:?}");
}
