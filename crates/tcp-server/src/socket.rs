//! One socket for every transport.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::limits::Limits;

/// How many keepalive probes go unanswered before the kernel gives the peer up.
const KEEPALIVE_PROBES: u32 = 3;

/// What carries the bytes: TCP, a Unix socket, or a pipe within this process.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(DuplexStream),
}

/// What a peer did that is seen without reading from it.
#[derive(Debug)]
pub(crate) enum Departure {
    /// It closed its direction.
    Fin,
    /// The connection failed.
    Error(io::Error),
}

impl Socket {
    /// Sets what every accepted socket gets.
    ///
    /// `TCP_NODELAY`: a server writes whole answers, so Nagle's algorithm has nothing to gather and
    /// only delays the second of two small ones until the first is acknowledged.
    pub(crate) fn prepare(&self, limits: &Limits) -> io::Result<()> {
        let Self::Tcp(stream) = self else { return Ok(()) };
        stream.set_nodelay(true)?;
        #[cfg(target_os = "linux")]
        if let Some(unsent) = limits.unsent {
            SockRef::from(stream).set_tcp_notsent_lowat(unsent)?;
        }
        if let Some(every) = limits.keepalive {
            let keepalive = TcpKeepalive::new()
                .with_time(every)
                .with_interval(every)
                .with_retries(KEEPALIVE_PROBES);
            SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
        }
        Ok(())
    }

    /// The same, watched by the runtime in which this is called. A pipe is watched by none.
    #[cfg(feature = "files")]
    pub(crate) fn into_this_runtime(self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.into_std()?)?),
            Self::Unix(stream) => Self::Unix(UnixStream::from_std(stream.into_std()?)?),
            Self::Memory(pipe) => Self::Memory(pipe),
        })
    }

    /// Ready when a read would not have to wait. On a pipe, which cannot tell, it is always ready.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Memory(_) => Poll::Ready(Ok(())),
        }
    }

    /// The error that the kernel keeps for this socket and nobody has been told of (`SO_ERROR`).
    pub(crate) fn pending_error(&self) -> Option<io::Error> {
        let error = match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
            Self::Memory(_) => Ok(None),
        };
        error.ok().flatten()
    }

    /// Makes the coming close a reset: the peer learns of it at once, and the kernel frees what was not
    /// sent instead of offering it to a peer that does not take it.
    pub(crate) fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            // It fails only on a socket that is gone already.
            let _ = stream.set_zero_linger();
        }
    }

    /// Waits until the peer has closed or the connection has failed, and reads nothing.
    ///
    /// On a pipe, which cannot tell, it waits for ever.
    pub(crate) async fn departure(&self) -> Departure {
        loop {
            let ready = match self {
                Self::Tcp(stream) => stream.ready(Interest::READABLE | Interest::ERROR).await,
                Self::Unix(stream) => stream.ready(Interest::READABLE | Interest::ERROR).await,
                Self::Memory(_) => std::future::pending().await,
            };
            let ready = match ready {
                Ok(ready) => ready,
                Err(error) => return Departure::Error(error),
            };
            if ready.is_error() || ready.is_read_closed() {
                return self.pending_error().map_or(Departure::Fin, Departure::Error);
            }
            // Something can be read and stays unread. Without this, it would be reported again at once
            // and for ever; the peer's end sets the readiness anew.
            let unread = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = match self {
                Self::Tcp(stream) => stream.try_io(Interest::READABLE, unread),
                Self::Unix(stream) => stream.try_io(Interest::READABLE, unread),
                Self::Memory(_) => Ok(()),
            };
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn options_are_set_as_the_kernel_shows_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = Socket::Tcp(listener.accept().await.unwrap().0);
        let Socket::Tcp(socket) = &stream else { panic!("{stream:?}") };
        let socket = SockRef::from(socket);
        let mut limits = Limits::default();
        stream.prepare(&limits).unwrap();
        assert!(socket.tcp_nodelay().unwrap());
        assert!(!socket.keepalive().unwrap());
        let every = Duration::from_secs(7);
        limits.keepalive = Some(every);
        limits.unsent = Some(4321);
        stream.prepare(&limits).unwrap();
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), every);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), every);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), 4321);
    }
}
