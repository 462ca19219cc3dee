//! The least that one can write in tokio to send back what comes: no limits, no accounting, no frames.
//!
//! It is what `tcp-server --mode frames` is measured beside, on the same runtime and with the same
//! socket options. Its buffer is of the size with which it is quickest at bulk.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Length of the buffer of a connection.
const BUFFER: usize = 256 * 1024;

/// Listens on a free port of this machine, tells `listening` which one, and serves for ever.
pub async fn serve(listening: impl FnOnce(&str)) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string());
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut buffer = vec![0; BUFFER];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        });
    }
}
