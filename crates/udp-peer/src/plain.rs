//! Datagrams as they are: nothing is added to them, nothing is repaired.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc::ENOPROTOOPT;
use thiserror::Error;
use tokio::select;
use tokio::sync::Notify;

use crate::limits::max_datagram;
use crate::socket::{Received, Socket};

/// Datagrams of a socket as they are.
///
/// One task may send while another receives. What ICMP says of a datagram that was sent the kernel tells
/// to whichever call comes next; here it always comes in as [`Incoming::Unreachable`], and a datagram
/// whose sending was disturbed by it is sent again.
#[derive(Debug)]
pub struct Plain {
    socket: Socket,
    /// Refusals that a send was told of, and that nobody has been told yet.
    refusals: AtomicU32,
    refused: Notify,
}

/// What comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A datagram; its bytes are at the front of the buffer.
    Datagram(Received),
    /// The peer, or a machine on the way to it, has answered that what was sent did not arrive.
    Unreachable(Unreachable),
}

/// An answer that a datagram did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The peer that it was sent to.
    pub peer: SocketAddr,
    /// What could not be reached.
    pub what: What,
}

/// What could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// Nothing receives on the port.
    Port,
    /// The machine, because something on the way refuses: a filter, most often.
    Host,
    /// The machine speaks no UDP.
    Protocol,
}

/// Why a datagram was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// No datagram is so long.
    #[error("{len} bytes are too long for a datagram, which takes {limit}")]
    TooLong {
        /// How long it would have been.
        len: usize,
        /// The most that a datagram to this peer takes.
        limit: usize,
    },
    /// The socket is not connected to a peer.
    #[error("there is nobody to send it to")]
    NoPeer,
    /// The kernel did not take it.
    #[error("cannot send to {peer}")]
    Io {
        /// The peer.
        peer: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Plain {
    /// The datagrams of this socket.
    pub fn new(socket: Socket) -> Self {
        Self { socket, refusals: AtomicU32::new(0), refused: Notify::new() }
    }

    /// The socket.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Waits for what comes in next. An error is one of the socket, after which nothing more comes.
    ///
    /// Cancel safe.
    pub async fn next(&self, buf: &mut [u8]) -> io::Result<Incoming> {
        loop {
            if let Some(told) = self.take_refusal() {
                return Ok(told);
            }
            select! {
                biased;
                () = self.refused.notified() => {}
                received = self.socket.recv(buf) => return self.incoming(received),
            }
        }
    }

    /// What has come in already; `None` when that was all.
    pub fn try_next(&self, buf: &mut [u8]) -> io::Result<Option<Incoming>> {
        if let Some(told) = self.take_refusal() {
            return Ok(Some(told));
        }
        match self.socket.try_recv(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            received => self.incoming(received).map(Some),
        }
    }

    /// Sends a datagram to the peer that the socket is connected to; an empty one is one, too.
    ///
    /// It says that the kernel has taken it, never that it arrived.
    pub async fn send(&self, datagram: &[u8]) -> Result<(), SendError> {
        let Some(peer) = self.socket.peer() else { return Err(SendError::NoPeer) };
        let (len, limit) = (datagram.len(), max_datagram(peer));
        if len > limit {
            return Err(SendError::TooLong { len, limit });
        }
        // Each round takes one refusal of an earlier datagram out of the socket, so it ends.
        loop {
            match self.socket.send(datagram).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.refusals.fetch_add(1, Ordering::Relaxed);
                    self.refused.notify_one();
                }
                sent => return sent.map_err(|source| SendError::Io { peer, source }),
            }
        }
    }

    fn incoming(&self, received: io::Result<Received>) -> io::Result<Incoming> {
        let error = match received {
            Ok(received) => return Ok(Incoming::Datagram(received)),
            Err(error) => error,
        };
        match (what(&error), self.socket.peer()) {
            (Some(what), Some(peer)) => Ok(Incoming::Unreachable(Unreachable { peer, what })),
            _ => Err(error),
        }
    }

    fn take_refusal(&self) -> Option<Incoming> {
        let one_less = |count: u32| count.checked_sub(1);
        self.refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok()?;
        let peer = self.socket.peer()?;
        Some(Incoming::Unreachable(Unreachable { peer, what: What::Port }))
    }
}

/// What a receiver's error says could not be reached: those into which the kernel turns an ICMP message
/// (`icmp_err_convert`), each told once.
pub(crate) fn what(error: &io::Error) -> Option<What> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(What::Port),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(What::Host),
        _ if error.raw_os_error() == Some(ENOPROTOOPT) => Some(What::Protocol),
        _ => None,
    }
}
