//! How do many datagrams go in and out with one call?
//!
//! `quinn-udp` does it: one sendmsg(2) for a run of datagrams of one length to one address (GSO, udp(7)),
//! one recvmmsg(2) for many of them, several of one sender in one buffer (GRO). Where the kernel or an
//! interface has none of it, it is one datagram a call.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::limits::{MAX_DATAGRAM, MAX_WAYS, RECEIVED_AT_ONCE};
use crate::plain::{Unreachable, What, what};
use crate::socket::{Socket, socket_addr};

/// A socket, its datagrams in batches.
#[derive(Debug)]
pub(crate) struct Batches {
    io: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<u8>,
    meta: Vec<RecvMeta>,
    /// On a socket for all addresses of this machine: by which of them whom was met. An answer from
    /// another one would be taken for somebody else's.
    ways: Option<HashMap<SocketAddr, IpAddr>>,
}

/// Datagrams of one length to one address, the last of which may be shorter.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    to: Option<SocketAddr>,
    segment: usize,
    segments: usize,
    /// Whether the last one was shorter, so that nothing may follow it.
    is_closed: bool,
}

impl Batch {
    /// Whether one more datagram goes with those that are there.
    pub(crate) fn takes(&self, to: SocketAddr, len: usize, most: usize) -> bool {
        let Some(own) = self.to else { return true };
        let is_like = own == to && len <= self.segment && len > 0 && !self.is_closed;
        is_like && self.segments < most && self.bytes.len() + len <= MAX_DATAGRAM
    }

    pub(crate) fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        if self.to.is_none() {
            (self.to, self.segment) = (Some(to), datagram.len());
        }
        self.is_closed = datagram.len() < self.segment;
        self.segments += 1;
        self.bytes.extend_from_slice(datagram);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.to.is_none()
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        (self.to, self.segments, self.is_closed) = (None, 0, false);
    }
}

impl Batches {
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        let io = socket.into_io();
        // The count of lost datagrams would come with those that are received, and `quinn-udp` has no room
        // for it: it would read behind what the kernel has cut off.
        #[cfg(target_os = "linux")]
        nix::sys::socket::setsockopt(&io, nix::sys::socket::sockopt::RxqOvfl, &0)?;
        let state = UdpSocketState::new((&io).into())?;
        state.enable_transport_errors((&io).into())?;
        let ways = io.local_addr()?.ip().is_unspecified().then(HashMap::new);
        let buffers = vec![0; RECEIVED_AT_ONCE * MAX_DATAGRAM];
        let meta = vec![RecvMeta::default(); RECEIVED_AT_ONCE];
        Ok(Self { io, state, buffers, meta, ways })
    }

    /// Waits until something has come, be it an error.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.io.ready(Interest::READABLE.add(Interest::ERROR)).await.map(drop)
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.io.writable().await
    }

    /// How many datagrams may go with one call.
    pub(crate) fn segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Gives what one call receives to `each`; false where nothing was there.
    pub(crate) fn receive(
        &mut self,
        mut each: impl FnMut(SocketAddr, &mut [u8]),
    ) -> io::Result<bool> {
        let Self { io, state, buffers, meta, ways } = self;
        let mut parts: Vec<_> = buffers.chunks_mut(MAX_DATAGRAM).map(IoSliceMut::new).collect();
        let received =
            io.try_io(Interest::READABLE, || state.recv((&*io).into(), &mut parts, meta));
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // What ICMP said of a datagram of ours stands in the queue of errors as well.
            Err(error) if is_of_network(&error) => return Ok(true),
            Err(error) => return Err(error),
        };
        for (meta, part) in meta.iter().zip(parts.iter_mut()).take(count) {
            if let (Some(ways), Some(own)) = (ways.as_mut(), meta.dst_ip) {
                if ways.len() >= MAX_WAYS {
                    ways.clear();
                }
                ways.insert(meta.addr, own);
            }
            // An empty datagram has no length to divide by.
            for datagram in part[..meta.len].chunks_mut(meta.stride.max(1)) {
                each(meta.addr, datagram);
            }
        }
        Ok(true)
    }

    /// The next answer that a datagram did not arrive.
    pub(crate) fn unreachable(&self) -> io::Result<Option<Unreachable>> {
        loop {
            match self.io.try_io(Interest::ERROR, || self.next_error()) {
                Ok(Some(unreachable)) => return Ok(Some(unreachable)),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes an entry from the queue of errors (ip(7), `IP_RECVERR`); `None` for one that is of no use.
    #[cfg(target_os = "linux")]
    fn next_error(&self) -> io::Result<Option<Unreachable>> {
        // The buffer takes what is told: the error itself and who reported it.
        let mut control = nix::cmsg_space!([u8; 128]);
        let mut head = [0; 1];
        let mut parts = [IoSliceMut::new(&mut head)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = self.io.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut control), flags)?;
        let Some(peer) = message.address.as_ref().and_then(socket_addr) else { return Ok(None) };
        let errno = message.cmsgs().map_err(io::Error::from)?.find_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error.ee_errno),
            _ => None,
        });
        let errno = errno.and_then(|errno| i32::try_from(errno).ok());
        let what = errno.and_then(|errno| what(&io::Error::from_raw_os_error(errno)));
        Ok(what.map(|what: What| Unreachable { peer, what }))
    }

    #[cfg(not(target_os = "linux"))]
    fn next_error(&self) -> io::Result<Option<Unreachable>> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Sends a batch; `WouldBlock` where the socket takes nothing now. What the network or the kernel does
    /// not carry is lost, as anything may be on the way.
    pub(crate) fn send(&self, batch: &Batch) -> io::Result<()> {
        let Some(to) = batch.to else { return Ok(()) };
        match self.send_bytes(to, &batch.bytes, batch.segment) {
            // Some interfaces take no segments, and say so only when they are asked (`udp_send_skb`).
            Err(error) if is_of_segments(&error) && batch.segments > 1 => {
                for datagram in batch.bytes.chunks(batch.segment) {
                    self.send_bytes(to, datagram, datagram.len())?;
                }
                Ok(())
            }
            sent => sent,
        }
    }

    fn send_bytes(&self, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        let src_ip = self.ways.as_ref().and_then(|ways| ways.get(&to).copied());
        let segment_size = (segment < contents.len()).then_some(segment);
        let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip };
        // Each round takes what ICMP said of an earlier datagram out of the socket, so it ends; the bound
        // is for a peer who answers as quickly as we ask.
        for _ in 0..MOST_REFUSALS {
            let sent = self
                .io
                .try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), &transmit));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if is_of_segments(&error) && segment_size.is_some() => {
                    return Err(error);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(error) => {
                    tracing::debug!(%to, %error, "a datagram was not sent");
                    return Ok(());
                }
                Ok(()) => return Ok(()),
            }
        }
        Ok(())
    }
}

/// How often a send is tried again that only told of an earlier one.
const MOST_REFUSALS: usize = 64;

/// How long the socket is left alone after an error that says nothing of a datagram: 10 ms.
pub(crate) const REST: Duration = Duration::from_millis(10);

/// What a call on the socket gives though nothing is wrong with it: an ICMP message about a datagram that
/// was sent before (`icmp_err_convert`, `icmpv6_err_convert` in the kernel).
fn is_of_network(error: &io::Error) -> bool {
    let of_network = [
        Errno::ECONNREFUSED,
        Errno::EHOSTUNREACH,
        Errno::ENETUNREACH,
        Errno::ENOPROTOOPT,
        Errno::EMSGSIZE,
        Errno::EOPNOTSUPP,
        Errno::EHOSTDOWN,
        Errno::EACCES,
        Errno::EPERM,
        Errno::EPROTO,
        Errno::ENETDOWN,
    ];
    error.raw_os_error().is_some_and(|code| of_network.contains(&Errno::from_raw(code)))
}

fn is_of_segments(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EIO | Errno::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_datagrams_of_one_length_to_one_address() {
        let (here, there) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:1".parse().unwrap());
        let mut batch = Batch::default();
        assert!(batch.takes(here, 1200, 64));
        batch.push(here, &[0; 1200]);
        assert!(batch.takes(here, 1200, 64) && batch.takes(here, 7, 64));
        assert!(!batch.takes(there, 1200, 64), "another address");
        assert!(!batch.takes(here, 1201, 64), "a longer one");
        assert!(!batch.takes(here, 0, 64), "an empty one");
        assert!(!batch.takes(here, 1200, 1), "no segments");
        batch.push(here, &[0; 7]);
        assert!(!batch.takes(here, 7, 64), "behind a shorter one");
        batch.clear();
        assert!(batch.is_empty() && batch.takes(there, 9, 64));
        for _ in 0..54 {
            assert!(batch.takes(there, 1200, 64));
            batch.push(there, &[0; 1200]);
        }
        assert!(!batch.takes(there, 1200, 64), "longer than a datagram may be");
    }
}
