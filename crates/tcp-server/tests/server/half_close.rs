//! A client that has said everything still gets every answer.

use proto::Ending;
use tcp_server::{Limits, modes::Echo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, split};

use crate::support::library::Server;
use crate::support::soon;
use crate::support::way::Way;

/// Far more than all buffers hold, so that most of it is still owed when the FIN is sent.
#[tokio::test]
async fn answers_follow_the_fin() {
    for (way, size) in [(Way::Tcp, 16 << 20), (Way::Unix, 16 << 20), (Way::Tls, 6 << 20)] {
        answers_follow_the_end(way, size).await;
    }
}

async fn answers_follow_the_end(way: Way, size: u32) {
    let mut server = Server::over(way, Echo, Limits::default()).await;
    let (mut read, mut write) = split(server.dial().await.stream);
    let sent: Vec<u8> = (0..size).map(|n| n.to_le_bytes()[1]).collect();
    let writing = tokio::spawn({
        let sent = sent.clone();
        async move {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
            write
        }
    });
    let mut heard = vec![0; 1];
    soon("the first byte", read.read_exact(&mut heard)).await.unwrap();
    soon("the rest", read.read_to_end(&mut heard)).await.unwrap();
    assert!(heard == sent, "{way:?}");
    writing.await.unwrap();
    let closed = server.closed().await;
    let expected = (Ending::PeerFin, sent.len() as u64, sent.len() as u64);
    assert_eq!((closed.ending, closed.received, closed.sent), expected);
}
