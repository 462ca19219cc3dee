//! Whether what comes first is TLS at all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use proto::TlsFault;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The first byte of a record of the handshake, and of an alert (RFC 8446 section 5.1). What is no TLS
/// seldom begins with a control character.
const HANDSHAKE: u8 = 0x16;
const ALERT: u8 = 0x15;

/// A transport below TLS. It refuses a peer whose first byte no handshake begins with: rustls would wait for
/// five of them, and a person who types two would never hear why nothing happens.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    pub(crate) inner: S,
    is_empty: bool,
}

impl<S> Watched<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, is_empty: true }
    }

    /// Whether nothing has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if self.is_empty
            && let Some(first) = buf.filled().get(before)
        {
            self.is_empty = false;
            if ![HANDSHAKE, ALERT].contains(first) {
                let fault = TlsFault::NotTls;
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
