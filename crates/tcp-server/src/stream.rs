//! One stream for every transport, which counts what goes through it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::limits::Limits;

/// How many keepalive probes go unanswered before the kernel gives the peer up.
const KEEPALIVE_PROBES: u32 = 3;

/// A connected stream: TCP, a Unix socket, or a pipe within this process.
///
/// It reads and writes as its transport does, without any limit of time; a [`crate::Connection`] adds
/// these. What went through is counted here, at the bottom, so that it is known whatever is built on
/// top and however that ends.
#[derive(Debug)]
pub struct Stream {
    transport: Transport,
    counts: Arc<Counts>,
}

#[derive(Debug)]
enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(DuplexStream),
}

/// How many bytes went through a stream so far.
#[derive(Debug, Default)]
pub struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
}

/// Who is at the other end of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The address of a TCP peer; that of an IPv4 peer is an IPv4 address, also on an IPv6 socket.
    Tcp(SocketAddr),
    /// The path that a Unix peer is bound to; most are bound to none.
    Unix(Option<PathBuf>),
    /// The other end of a pipe.
    Memory,
}

/// What a peer did that is seen without reading from it.
#[derive(Debug)]
pub(crate) enum Departure {
    /// It closed its direction.
    Fin,
    /// The connection failed.
    Error(io::Error),
}

impl Counts {
    /// Bytes that were read from the stream.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes that were written to the stream.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(None) => f.write_str("unix:"),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl Stream {
    /// The counts, which live on when the stream is gone.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Sets what every accepted socket gets.
    ///
    /// `TCP_NODELAY`: a server writes whole answers, so Nagle's algorithm has nothing to gather and
    /// only delays the second of two small ones until the first is acknowledged.
    pub(crate) fn prepare(&self, limits: &Limits) -> io::Result<()> {
        let Transport::Tcp(stream) = &self.transport else { return Ok(()) };
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

    /// Ready when a read would not have to wait, so that who holds many silent connections needs no
    /// buffer for each. On a pipe, which cannot tell, it is always ready.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.transport {
            Transport::Tcp(stream) => stream.poll_read_ready(cx),
            Transport::Unix(stream) => stream.poll_read_ready(cx),
            Transport::Memory(_) => Poll::Ready(Ok(())),
        }
    }

    /// The error that the kernel keeps for this socket and nobody has been told of (`SO_ERROR`).
    pub(crate) fn pending_error(&self) -> Option<io::Error> {
        let error = match &self.transport {
            Transport::Tcp(stream) => stream.take_error(),
            Transport::Unix(stream) => stream.take_error(),
            Transport::Memory(_) => Ok(None),
        };
        error.ok().flatten()
    }

    /// Makes the coming close a reset: the peer learns of it at once, and the kernel frees what was not
    /// sent instead of offering it to a peer that does not take it.
    pub(crate) fn reset_on_close(&self) {
        if let Transport::Tcp(stream) = &self.transport {
            // It fails only on a socket that is gone already.
            let _ = stream.set_zero_linger();
        }
    }

    /// Waits until the peer has closed or the connection has failed, and reads nothing.
    ///
    /// On a pipe, which cannot tell, it waits for ever.
    pub(crate) async fn departure(&self) -> Departure {
        loop {
            let ready = match &self.transport {
                Transport::Tcp(stream) => stream.ready(Interest::READABLE | Interest::ERROR).await,
                Transport::Unix(stream) => stream.ready(Interest::READABLE | Interest::ERROR).await,
                Transport::Memory(_) => std::future::pending().await,
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
            let _ = match &self.transport {
                Transport::Tcp(stream) => stream.try_io(Interest::READABLE, unread),
                Transport::Unix(stream) => stream.try_io(Interest::READABLE, unread),
                Transport::Memory(_) => Ok(()),
            };
        }
    }

    fn new(transport: Transport) -> Self {
        Self { transport, counts: Arc::default() }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::new(Transport::Tcp(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::new(Transport::Unix(stream))
    }
}

impl From<DuplexStream> for Stream {
    fn from(stream: DuplexStream) -> Self {
        Self::new(Transport::Memory(stream))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let read = buf.filled().len() - before;
        add(&self.counts.received, read);
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        self.count_sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Transport::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Transport::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.count_sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl Stream {
    fn count_sent(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(sent)) = result {
            add(&self.counts.sent, *sent);
        }
    }
}

/// Adds to a count that only the owner of the stream changes, so that it need not be one indivisible step.
fn add(count: &AtomicU64, bytes: usize) {
    count.store(count.load(Ordering::Relaxed) + bytes as u64, Ordering::Relaxed);
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
        let stream = Stream::from(listener.accept().await.unwrap().0);
        let Transport::Tcp(socket) = &stream.transport else { panic!("{stream:?}") };
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
