//! The connection itself: TCP or Unix, plain or over TLS, read and written alike.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::Address;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected stream socket. Its `poll_shutdown` sends the FIN and leaves the other direction open; over TLS
/// `close_notify` comes before it.
#[derive(Debug)]
pub enum Stream {
    /// Over IPv4 or IPv6.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
    /// Over TLS over one of the others.
    #[cfg(feature = "tls")]
    Tls(tls::Session<Self>),
}

impl Stream {
    /// The address of this end; `unix:` without a path for a Unix socket, because a client's has no name.
    pub fn local(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Tcp(stream) => stream.local_addr()?.into(),
            Self::Unix(stream) => {
                let path = stream.local_addr()?.as_pathname().map(Into::into);
                Address::Unix(path.unwrap_or_default())
            }
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.transport().local()?,
        })
    }

    /// Makes the close of this socket a reset: what is not yet sent is thrown away, and the peer gets an
    /// RST in place of a FIN (`SO_LINGER` with a time of 0, socket(7)). A Unix socket has no RST; its
    /// peer sees an ordinary end.
    pub fn reset_on_close(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream).set_linger(Some(Duration::ZERO)),
            Self::Unix(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.transport().reset_on_close(),
        }
    }
}

/// What can be known of the bytes that a stream took.
pub trait Delivers {
    /// Whether the peer's system has all that was written, and the end of it: an error where it refused.
    /// An end that was not yet told leaves it open.
    ///
    /// Nothing wakes the task when this changes.
    fn delivery(&self) -> Poll<io::Result<()>>;

    /// Whether it has a word of its own for the end, which just closing it would leave out.
    fn says_goodbye(&self) -> bool {
        false
    }
}

impl Delivers for Stream {
    fn delivery(&self) -> Poll<io::Result<()>> {
        let refused = match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
            #[cfg(feature = "tls")]
            Self::Tls(session) => return session.transport().delivery(),
        };
        if let Some(error) = refused? {
            return Poll::Ready(Err(error));
        }
        match self {
            // A socket whose FIN is acknowledged, as the peer's is, has no peer any more (`inet_getname`
            // in net/ipv4/af_inet.c).
            Self::Tcp(stream) if cfg!(target_os = "linux") && stream.peer_addr().is_ok() => {
                Poll::Pending
            }
            // What a Unix socket takes is with the peer at once. Of other systems it is not known.
            _ => Poll::Ready(Ok(())),
        }
    }

    fn says_goodbye(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(session) => Pin::new(session).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(session) => Pin::new(session).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(feature = "tls")]
            Self::Tls(session) => Pin::new(session).poll_write_vectored(cx, slices),
        }
    }

    /// TLS needs it: its last word about an error goes out in one write, and that is several records.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(session) => Pin::new(session).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(session) => Pin::new(session).poll_shutdown(cx),
        }
    }
}
