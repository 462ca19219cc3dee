//! The least that one can write in tokio to send back what comes: no limits, no accounting, no frames.
//!
//! It is what `tcp-server --mode frames` is measured beside, on the same runtime, with `TCP_NODELAY` too, and
//! with reads as large as the largest there: a smaller buffer, as such an echo mostly has, would make it
//! slower at bulk. Its congestion control is the system's.
//!
//! The same over TLS, by the library that `tcp-server` has too, with the same primitives.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use proto::limits::MAX_READ_CHUNK;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Listens on a free port of this machine, tells `listening` which one, and serves for ever.
pub async fn serve(listening: impl FnOnce(&str)) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(echo(stream));
    }
}

/// The same over TLS, by the certificate and key in the file `pem`.
pub async fn serve_tls(pem: &Path, listening: impl FnOnce(&str)) -> io::Result<()> {
    let chain = CertificateDer::pem_file_iter(pem).map_err(io::Error::other)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(pem).map_err(io::Error::other)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    // As in `tcp-server`, which takes nobody back without a handshake.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    listening(&listener.local_addr()?.to_string());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                echo(stream).await;
            }
        });
    }
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = vec![0; MAX_READ_CHUNK];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() || stream.flush().await.is_err() {
            break;
        }
    }
    let _ = stream.shutdown().await;
}
