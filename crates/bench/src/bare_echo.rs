//! The least that one can write in tokio to send back what comes: no limits, no accounting, no frames.
//!
//! It is what `tcp-server --mode frames` is measured beside, on the same runtime, with the same socket
//! options, and with reads as large as the largest there: a smaller buffer, as such an echo mostly has,
//! would make it slower at bulk.

use std::io;
use std::net::Ipv4Addr;

use proto::limits::MAX_READ_CHUNK;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Listens on a free port of this machine, tells `listening` which one, and serves for ever.
pub async fn serve(listening: impl FnOnce(&str)) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string());
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut buffer = vec![0; MAX_READ_CHUNK];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        });
    }
}
