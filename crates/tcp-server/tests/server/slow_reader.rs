//! A client that does not read is waited for, but not for ever.

use std::io::ErrorKind;

use proto::Ending;
use tcp_server::{Connection, Limits, Service, modes::Echo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, split};
use tokio::time::{Duration, Instant, sleep};

use crate::support::library::Server;
use crate::support::pipe::{Pipe, ever};
use crate::support::soon;
use crate::support::way::Way;

#[tokio::test(start_paused = true)]
async fn a_write_waits_for_half_a_minute() {
    let limits = Limits::default();
    let (size, write) = (1024, limits.write);
    let mut pipe = Pipe::new(Echo, limits, size);
    let start = Instant::now();
    // The first part fills the way back, the second one cannot be written.
    pipe.client.write_all(&[b'x'; 1024]).await.unwrap();
    pipe.client.write_all(b"y").await.unwrap();
    assert_eq!(pipe.ending().await, Ending::TooSlow);
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

/// Talks and never listens.
struct Flood;

impl Service for Flood {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let chunk = vec![b'x'; 64 * 1024];
        loop {
            if let Err(ending) = connection.write_all(&chunk).await {
                return connection.close(ending).await;
            }
        }
    }
}

/// TLS takes in more than there is room for below it. The rest follows as room comes, although the client says
/// nothing more.
#[tokio::test(start_paused = true)]
async fn what_tls_holds_back_follows_when_there_is_room() {
    let mut pipe = Pipe::over(true, Echo, Limits::default(), 1024).await;
    let start = Instant::now();
    pipe.client.write_all(&[b'x'; 10_000]).await.unwrap();
    pipe.client.flush().await.unwrap();
    let mut answer = vec![0; 10_000];
    ever("the answer", pipe.client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// The end is a word over TLS, for which there is no room before a peer that does not read: it would keep its
/// place for ever. An answer of a thousand bytes fills the pipe, as TLS 1.3 adds 22 to a record.
#[tokio::test(start_paused = true)]
async fn who_leaves_no_room_for_the_end_of_tls_does_not_stay() {
    for says_end in [true, false] {
        let limits = Limits::default();
        let (write, idle) = (limits.write, limits.idle.unwrap());
        let mut pipe = Pipe::over(true, Echo, limits, 1000 + 22).await;
        let start = Instant::now();
        pipe.client.write_all(&[b'x'; 1000]).await.unwrap();
        pipe.client.flush().await.unwrap();
        if says_end {
            pipe.client.shutdown().await.unwrap();
        }
        let ending = pipe.ending().await;
        let expected =
            if says_end { (Ending::TooSlow, write) } else { (Ending::Idle, idle + write) };
        let took = Duration::from_millis(start.elapsed().as_millis().try_into().unwrap());
        assert!(took >= expected.1 && took <= expected.1 + Duration::from_secs(1), "{took:?}");
        assert_eq!(ending, expected.0);
    }
}

/// The same over sockets, whatever is between: TLS holds back a part of what it took, for which the limit
/// is the same.
#[tokio::test]
async fn a_write_is_given_up_over_every_transport() {
    for way in Way::ALL {
        let limits = Limits { write: Duration::from_millis(100), ..Limits::default() };
        let mut server = Server::over(way, Flood, limits).await;
        let _client = server.dial().await;
        assert_eq!(server.ending().await, Ending::TooSlow, "{way:?}");
    }
}

/// A slow reader over each of them gets every byte, in order.
#[tokio::test]
async fn a_reader_that_is_slow_gets_everything_over_every_transport() {
    for way in Way::ALL {
        let mut server = Server::over(way, Echo, Limits::default()).await;
        let (mut read, mut write) = split(server.dial().await.stream);
        let sent = tests::noise(3_000_000);
        let sending = sent.clone();
        let writing = tokio::spawn(async move {
            write.write_all(&sending).await.unwrap();
            write.flush().await.unwrap();
            write
        });
        let (mut heard, mut chunk) = (Vec::new(), vec![0; 100_000]);
        // It says nothing more, so what the server holds back would stay there.
        while heard.len() < sent.len() {
            let count = soon("a part", read.read(&mut chunk)).await.unwrap();
            assert!(count > 0, "{way:?}: {} bytes, then the end", heard.len());
            heard.extend_from_slice(&chunk[..count]);
            // It is slow: everything on the way is full, and comes on in small steps.
            sleep(Duration::from_millis(1)).await; // The pace at which it reads.
        }
        assert!(heard == sent, "{way:?}");
        writing.await.unwrap().shutdown().await.unwrap();
        assert_eq!(soon("the end", read.read(&mut chunk)).await.unwrap(), 0);
        assert_eq!(server.ending().await, Ending::PeerFin, "{way:?}");
    }
}

/// On a real socket the end is a reset: what the peer did not take would else stay in the kernel, which
/// goes on offering it. The peer has sent nothing, so the reset is not one for unread input.
#[tokio::test]
async fn it_is_reset_so_that_the_kernel_keeps_nothing_for_it() {
    let limits = Limits { write: Duration::from_millis(100), ..Limits::default() };
    let mut server = Server::start(Flood, limits).await;
    let mut client = server.connect().await;
    let closed = server.closed().await;
    assert_eq!(closed.ending, Ending::TooSlow);
    let mut heard = Vec::new();
    let end = soon("the end", client.read_to_end(&mut heard)).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!((heard.len() as u64) < closed.sent);
}
