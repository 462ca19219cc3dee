//! One stream for every transport, plain or over TLS, which counts what goes through it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::limits::Limits;
use crate::socket::{Departure, Socket};

/// A connected stream: TCP, a Unix socket, or a pipe within this process, and TLS over any of them.
///
/// It reads and writes as its transport does, without any limit of time; a [`crate::Connection`] adds
/// these. What a service reads and writes is counted here, so that it is known however the stream ends;
/// what TLS adds to it is not.
#[derive(Debug)]
pub struct Stream {
    transport: Transport,
    counts: Arc<Counts>,
}

#[derive(Debug)]
enum Transport {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(tls::Session<Socket>),
}

/// What went through a stream so far.
#[derive(Debug, Default)]
pub struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
    began_with_tls: AtomicBool,
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

impl Counts {
    /// Bytes that were read from the stream.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes that were written to the stream.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether a peer of a plain stream began with a handshake of TLS: it was meant for another port, or
    /// this one was meant to speak it.
    pub fn began_with_tls(&self) -> bool {
        self.began_with_tls.load(Ordering::Relaxed)
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

    /// Comes to an agreement on TLS with the peer, without any limit of time. Gives the same stream over
    /// it, or the plain one with the reason why there is none, which the peer has been told.
    #[cfg(feature = "tls")]
    pub async fn accept_tls(self, server: &tls::Server) -> Result<Self, (proto::Ending, Self)> {
        let Self { transport, counts } = self;
        let socket = match transport {
            Transport::Plain(socket) => socket,
            agreed @ Transport::Tls(_) => return Ok(Self { transport: agreed, counts }),
        };
        match server.accept(socket).await {
            Ok(session) => Ok(Self { transport: Transport::Tls(session), counts }),
            Err(tls::session::NoSession { ending, transport }) => {
                Err((ending, Self { transport: Transport::Plain(transport), counts }))
            }
        }
    }

    /// The same, watched by the runtime in which this is called, so that one wakes the other no more: a
    /// plain stream. One over TLS stays where it is.
    #[cfg(feature = "files")]
    pub(crate) fn into_this_runtime(self) -> io::Result<Self> {
        let transport = match self.transport {
            Transport::Plain(socket) => Transport::Plain(socket.into_this_runtime()?),
            #[cfg(feature = "tls")]
            agreed @ Transport::Tls(_) => agreed,
        };
        Ok(Self { transport, ..self })
    }

    /// Ready when something may be read, so that who holds many silent connections needs no buffer for
    /// each. On a pipe, which cannot tell, it is always ready; over TLS a part of a record is enough.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.transport {
            Transport::Plain(socket) => socket.poll_readable(cx),
            #[cfg(feature = "tls")]
            Transport::Tls(session) if session.has_input() => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            Transport::Tls(session) => session.transport().poll_readable(cx),
        }
    }

    pub(crate) fn prepare(&self, limits: &Limits) -> io::Result<()> {
        self.socket().prepare(limits)
    }

    pub(crate) fn pending_error(&self) -> Option<io::Error> {
        self.socket().pending_error()
    }

    pub(crate) fn reset_on_close(&self) {
        self.socket().reset_on_close();
    }

    pub(crate) async fn departure(&self) -> Departure {
        self.socket().departure().await
    }

    fn socket(&self) -> &Socket {
        match &self.transport {
            Transport::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Transport::Tls(session) => session.transport(),
        }
    }

    fn new(socket: Socket) -> Self {
        Self { transport: Transport::Plain(socket), counts: Arc::default() }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::new(Socket::Tcp(stream))
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::new(Socket::Unix(stream))
    }
}

impl From<DuplexStream> for Stream {
    fn from(stream: DuplexStream) -> Self {
        Self::new(Socket::Memory(stream))
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
            Transport::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Transport::Tls(session) => Pin::new(session).poll_read(cx, buf),
        };
        // Every second read of a busy connection finds nothing.
        if result.is_pending() {
            return result;
        }
        let read = &buf.filled()[before..];
        if add(&self.counts.received, read.len()) == 0
            && let Transport::Plain(_) = self.transport
            && is_handshake_of_tls(read)
        {
            self.counts.began_with_tls.store(true, Ordering::Relaxed);
        }
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
            Transport::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Transport::Tls(session) => Pin::new(session).poll_write(cx, bytes),
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
            Transport::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            #[cfg(feature = "tls")]
            Transport::Tls(session) => Pin::new(session).poll_write_vectored(cx, slices),
        };
        self.count_sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_flush(cx),
            #[cfg(feature = "tls")]
            Transport::Tls(session) => Pin::new(session).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Transport::Tls(session) => Pin::new(session).poll_shutdown(cx),
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
/// Gives what it was before.
fn add(count: &AtomicU64, bytes: usize) -> u64 {
    let before = count.load(Ordering::Relaxed);
    count.store(before + bytes as u64, Ordering::Relaxed);
    before
}

/// Whether a stream that begins like this begins with a record of the handshake (RFC 8446 section 5.1).
fn is_handshake_of_tls(start: &[u8]) -> bool {
    matches!(start, [0x16, 3, 0..=4, ..])
}
