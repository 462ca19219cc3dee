//! A UDP socket that tells all that the kernel knows of a datagram.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt::RxqOvfl,
};
use socket2::{Domain, Protocol, SockRef, Type};
use thiserror::Error;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::drops;

/// A UDP socket for any number of peers, or for one.
///
/// It says of each datagram who sent it, how long it was even if the buffer was shorter, and how many
/// were lost before it. Connected to a peer ([`connect`](Self::connect)) it receives from that one only,
/// and is told when nothing receives there.
///
/// Two sockets never share a port: `SO_REUSEADDR` stays off, because with UDP the second one would take
/// the datagrams of the first without a word (socket(7), ip(7)), and there is no TIME_WAIT to step over.
#[derive(Debug)]
pub struct Socket {
    io: UdpSocket,
    peer: Option<SocketAddr>,
    /// How many lost datagrams the kernel had counted when we were told last. It counts in 32 bits, and
    /// goes on from 0 after the last.
    lost_told: AtomicU32,
}

/// What a socket may be given.
#[derive(Clone, Debug, Default)]
pub struct SocketOptions {
    /// The size of the receive buffer (`SO_RCVBUF`) [default: the kernel's]. The kernel doubles it for
    /// its own bookkeeping, and gives no more than `net.core.rmem_max`.
    pub recv_buffer: Option<usize>,
    /// An IPv6 socket without IPv4 in it.
    pub only_v6: bool,
}

/// Why there is no socket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// There is none to be had.
    #[error("cannot open a UDP socket")]
    Open(#[source] io::Error),
    /// It does not take an option.
    #[error("cannot set {option}")]
    Option {
        /// The name of the option.
        option: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// It cannot have the address.
    #[error("cannot receive on {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel knows no way to the peer, or no datagram can go there from here.
    #[error("cannot send to {peer}")]
    Connect {
        /// The peer.
        peer: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// What is known of a datagram that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub from: SocketAddr,
    /// How long it was, in bytes. Where the kernel only says that it was cut, one more than was kept.
    pub len: usize,
    /// How much of it there was room for: the first bytes of the buffer.
    pub kept: usize,
    /// How many datagrams were lost since the last one, because the receive buffer was full.
    pub lost_before: u32,
}

impl Received {
    /// Whether the end of it was thrown away, because the buffer was too short.
    pub fn is_cut(&self) -> bool {
        self.kept < self.len
    }
}

impl Socket {
    /// Opens a socket on an address of this machine. Port 0 lets the kernel choose.
    ///
    /// It must be called inside a tokio runtime.
    pub fn bind(addr: SocketAddr, options: &SocketOptions) -> Result<Self, SocketError> {
        let option = |option| move |source| SocketError::Option { option, source };
        let socket =
            socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))
                .map_err(SocketError::Open)?;
        socket.set_nonblocking(true).map_err(option("O_NONBLOCK"))?;
        if let Some(size) = options.recv_buffer {
            socket.set_recv_buffer_size(size).map_err(option("SO_RCVBUF"))?;
        }
        if addr.is_ipv6() {
            socket.set_only_v6(options.only_v6).map_err(option("IPV6_V6ONLY"))?;
        }
        // Before it is bound: a datagram that is queued without it carries no count.
        #[cfg(target_os = "linux")]
        setsockopt(&socket, RxqOvfl, &1).map_err(|errno| option("SO_RXQ_OVFL")(errno.into()))?;
        socket.bind(&addr.into()).map_err(|source| SocketError::Bind { addr, source })?;
        let io = UdpSocket::from_std(socket.into()).map_err(SocketError::Open)?;
        Ok(Self { io, peer: None, lost_told: AtomicU32::new(0) })
    }

    /// Fixes the peer: from now on only its datagrams come in.
    ///
    /// Nothing is sent. Datagrams of others that came before are still received.
    pub fn connect(&mut self, peer: SocketAddr) -> Result<(), SocketError> {
        // Not tokio's, which would look up a name.
        SockRef::from(&self.io)
            .connect(&peer.into())
            .map_err(|source| SocketError::Connect { peer, source })?;
        self.peer = Some(peer);
        Ok(())
    }

    /// The address of this end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The peer, where there is only one.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The size of the receive buffer as the kernel counts it, twice what was asked for.
    pub fn recv_buffer(&self) -> io::Result<usize> {
        SockRef::from(&self.io).recv_buffer_size()
    }

    /// Waits for the next datagram, of which as much is put into `buf` as it has room for.
    ///
    /// On a connected socket `ConnectionRefused` is no failure of the socket: the kernel was told that
    /// nothing receives at the peer. It says so once for each answer of that kind.
    ///
    /// Cancel safe: a datagram is either received or still in the kernel.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<Received> {
        // ERROR too: what ICMP tells makes the socket neither readable nor writable, and a receiver that
        // waits for bytes only would learn it with the next datagram, if ever.
        let interest = Interest::READABLE.add(Interest::ERROR);
        self.io.async_io(interest, || self.receive(buf)).await
    }

    /// The next datagram if there is one, else `WouldBlock`.
    ///
    /// The kernel is asked, not the runtime, which may not know yet what has arrived in this moment.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<Received> {
        self.receive(buf)
    }

    /// Sends a datagram to the peer that the socket is connected to.
    ///
    /// After an error nothing was sent. `ConnectionRefused` is about a datagram before this one.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        // A datagram goes as a whole or not at all, so the count says nothing.
        self.io.send(datagram).await.map(drop)
    }

    /// Sends a datagram to any peer.
    pub async fn send_to(&self, datagram: &[u8], peer: SocketAddr) -> io::Result<()> {
        self.io.send_to(datagram, peer).await.map(drop)
    }

    /// How many datagrams were lost since this was last told, here or by [`Received::lost_before`].
    ///
    /// It reads a table of all the sockets of this machine: for the end of a conversation, not for each
    /// datagram. Where there is no such table (outside Linux) nothing is known to be lost.
    pub fn lost_since(&self) -> u32 {
        drops::by_table(self.io.as_fd()).map_or(0, |count| self.newly_lost(count))
    }

    /// What carries it, for a layer with calls of its own.
    pub(crate) fn into_io(self) -> UdpSocket {
        self.io
    }

    fn receive(&self, buf: &mut [u8]) -> io::Result<Received> {
        // The flag makes the kernel return the length of the datagram and not that of what was kept.
        let flags = if cfg!(target_os = "linux") { MsgFlags::MSG_TRUNC } else { MsgFlags::empty() };
        let room = buf.len();
        let mut control = cmsg_space!(u32);
        let mut parts = [IoSliceMut::new(buf)];
        let fd = self.io.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut control), flags)?;
        let cut = message.flags.contains(MsgFlags::MSG_TRUNC);
        let len = if cut { message.bytes.max(room + 1) } else { message.bytes };
        let from = message.address.as_ref().and_then(socket_addr);
        let from = from.ok_or_else(|| io::Error::other("a datagram without a sender"))?;
        let count = message.cmsgs().map_err(io::Error::from)?.find_map(|control| match control {
            #[cfg(target_os = "linux")]
            ControlMessageOwned::RxqOvfl(count) => Some(count),
            _ => None,
        });
        let lost_before = count.map_or(0, |count| self.newly_lost(count));
        Ok(Received { from, len, kept: len.min(room), lost_before })
    }

    fn newly_lost(&self, count: u32) -> u32 {
        // A count from a datagram that was queued before the table was read is older than what was told.
        let newer = |told: u32| (count.wrapping_sub(told) <= u32::MAX / 2).then_some(count);
        let told = self.lost_told.fetch_update(Ordering::Relaxed, Ordering::Relaxed, newer);
        told.map_or(0, |told| count.wrapping_sub(told))
    }
}

pub(crate) fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}
