//! What is read and written once the two have agreed.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use proto::{Ending, TlsFault};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use crate::fault::named;
use crate::fingerprint::Fingerprint;
use crate::watched::Watched;

/// A stream over TLS over a transport.
///
/// A write may leave a part of what it took in here: flush it. `poll_shutdown` says that nothing follows
/// (`close_notify`) and closes this direction of the transport (FIN); the other one stays open, as it does
/// without TLS. Each way in which TLS can fail is an [`io::Error`] that has a [`TlsFault`] inside, from
/// which [`Ending::from_io`] makes an ending.
pub struct Session<S>(pub(crate) Box<TlsStream<Watched<S>>>);

/// Why there is no session, and the transport, on which what went wrong has been said already.
#[derive(Debug)]
pub struct NoSession<S> {
    /// Why.
    pub ending: Ending,
    /// The transport.
    pub transport: S,
}

impl<S> Session<S> {
    /// The transport below, to look at.
    pub fn transport(&self) -> &S {
        match &*self.0 {
            TlsStream::Server(stream) => &stream.get_ref().0.inner,
            TlsStream::Client(stream) => &stream.get_ref().0.inner,
        }
    }

    /// The transport, from which what was agreed on is gone.
    #[cfg(feature = "client")]
    pub(crate) fn into_transport(self) -> S {
        match *self.0 {
            TlsStream::Server(stream) => stream.into_inner().0.inner,
            TlsStream::Client(stream) => stream.into_inner().0.inner,
        }
    }

    /// Whether a read gives something, if only the end, that is here already.
    pub fn has_input(&self) -> bool {
        !self.0.get_ref().1.wants_read()
    }

    /// The certificate of the peer, if it has shown one.
    pub fn peer(&self) -> Option<Fingerprint> {
        let (_, state) = self.0.get_ref();
        state.peer_certificates()?.first().map(|certificate| Fingerprint::of(certificate))
    }

    /// The version of TLS: "TLS 1.3".
    pub fn version(&self) -> &'static str {
        match self.0.get_ref().1.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        }
    }
}

/// The ending that a handshake came to with this error.
pub(crate) fn ending_of_handshake<S>(error: io::Error, transport: &Watched<S>) -> Ending {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        // Who only looks whether the port is open says nothing and leaves.
        let is_look = transport.is_empty();
        return if is_look { Ending::PeerFin } else { Ending::Tls(TlsFault::LeftEarly) };
    }
    Ending::from_io(&named(error))
}

impl<S> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("version", &self.version()).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Session<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf).map_err(named)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Session<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes).map_err(named)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, slices).map_err(named)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx).map_err(named)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx).map_err(named)
    }
}
