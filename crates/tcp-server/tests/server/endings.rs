//! FIN, reset, and a peer that is gone before its answer are told apart, and the others go on.

use std::time::Duration;

use proto::{Ending, TlsFault};
use tcp_server::modes::{Discard, Echo};
use tcp_server::{Connection, Limits, Service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::library::Server;
use crate::support::soon;
use crate::support::way::Way;

async fn assert_served(client: &mut TcpStream) {
    client.write_all(b"still here").await.unwrap();
    let mut answer = [0; 10];
    soon("the echo", client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"still here");
}

#[tokio::test]
async fn a_fin_and_a_reset_are_told_apart_while_others_are_served() {
    let mut server = Server::start(Echo, Limits::default()).await;
    let mut other = server.connect().await;
    assert_served(&mut other).await;

    let mut client = server.connect().await;
    assert_served(&mut client).await;
    drop(client);
    assert_eq!(server.ending().await, Ending::PeerFin);
    assert_served(&mut other).await;

    let mut client = server.connect().await;
    assert_served(&mut client).await;
    client.set_zero_linger().unwrap();
    drop(client);
    let closed = server.closed().await;
    assert_eq!((closed.ending, closed.received, closed.sent), (Ending::PeerReset, 10, 10));
    assert_served(&mut other).await;
}

/// Who resets in the middle is told apart over TLS too, and who leaves without a word from who says that it
/// is the end. A Unix socket has no reset.
#[tokio::test]
async fn a_reset_and_a_cut_are_told_from_an_end_over_every_transport() {
    for way in Way::ALL {
        let mut server = Server::over(way, Echo, Limits::default()).await;
        let ask = async |server: &Server| {
            let mut client = server.dial().await;
            client.stream.write_all(b"hello").await.unwrap();
            let mut answer = [0; 5];
            soon("the echo", client.stream.read_exact(&mut answer)).await.unwrap();
            client
        };
        let mut client = ask(&server).await;
        client.stream.shutdown().await.unwrap();
        assert_eq!(soon("the end", client.stream.read(&mut [0])).await.unwrap(), 0);
        assert_eq!(server.ending().await, Ending::PeerFin, "{way:?}");

        drop(ask(&server).await);
        let cut = if way.is_tls() { Ending::Tls(TlsFault::Truncated) } else { Ending::PeerFin };
        assert_eq!(server.ending().await, cut, "{way:?}");

        ask(&server).await.reset();
        let reset = match way {
            Way::Tcp | Way::Tls => Ending::PeerReset,
            Way::Unix => Ending::PeerFin,
            Way::TlsOverUnix => Ending::Tls(TlsFault::Truncated),
        };
        assert_eq!(server.ending().await, reset, "{way:?}");

        // At once, before a word.
        server.dial().await.reset();
        let ending = server.ending().await;
        assert!(ending == reset || ending == Ending::PeerGone, "{way:?} {ending:?}");
    }
}

/// Closing with unread bytes resets, also without `SO_LINGER`: the answer was never read.
#[tokio::test]
async fn a_client_that_closes_with_an_unread_answer_resets() {
    let mut server = Server::start(Echo, Limits::default()).await;
    let mut client = server.connect().await;
    client.write_all(b"hello").await.unwrap();
    soon("the answer", client.readable()).await.unwrap();
    drop(client);
    assert_eq!(server.ending().await, Ending::PeerReset);
}

/// Waits for the peer's FIN, and answers only then.
struct TooLate;

impl Service for TooLate {
    async fn serve(&self, mut connection: Connection) -> Ending {
        let mut buffer = bytes::BytesMut::with_capacity(16);
        while connection.read(&mut buffer).await.is_ok_and(|read| read > 0) {
            buffer.reserve(16);
        }
        connection.write_all(&buffer).await.unwrap();
        connection.close(Ending::PeerFin).await
    }
}

/// The answer to a peer that had closed for good meets a reset. The write itself went well, so only the
/// kernel knows; the report does not claim that the peer was given everything.
#[tokio::test]
async fn a_peer_that_was_gone_before_its_answer_is_not_one_that_finished() {
    let mut server = Server::start(TooLate, Limits::default()).await;
    let mut client = server.connect().await;
    client.write_all(b"hello").await.unwrap();
    drop(client);
    assert_eq!(server.ending().await, Ending::PeerGone);
}

#[tokio::test]
async fn every_connection_is_reported_once_with_its_number() {
    let mut server = Server::start(Discard, Limits::default()).await;
    for id in 1..=5 {
        let mut client = server.connect().await;
        client.write_all(b"x").await.unwrap();
        drop(client);
        let closed = server.closed().await;
        assert_eq!((closed.id, closed.received, closed.sent), (id, 1, 0));
        assert!(closed.lasted < Duration::from_secs(10));
    }
    server.stopper.stop();
    assert_eq!(server.end().await.served, 5);
}
