//! A client that has said everything still gets every answer.

use proto::Ending;
use tcp_server::{Limits, modes::Echo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::library::Server;
use crate::support::soon;

/// Far more than all buffers hold, so that most of it is still owed when the FIN is sent.
#[tokio::test]
async fn answers_follow_the_fin() {
    let mut server = Server::start(Echo, Limits::default()).await;
    let (mut read, mut write) = server.connect().await.into_split();
    let sent: Vec<u8> = (0..16 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
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
    assert!(heard == sent);
    writing.await.unwrap();
    let closed = server.closed().await;
    let expected = (Ending::PeerFin, sent.len() as u64, sent.len() as u64);
    assert_eq!((closed.ending, closed.received, closed.sent), expected);
}
