//! Where a server listens, with everything that listen(2) and bind(2) depend on said outright.

use std::future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::task::{Context, Poll};

use proto::Address;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener, lookup_host};

use crate::limits::BACKLOG;
use crate::stream::{Peer, Stream};
use crate::unix_path::{self, OwnedPath};

/// How to listen. Nothing is left to a library's default, which differ on exactly these points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindOptions {
    /// How many connections may wait until they are accepted; see [`BACKLOG`].
    pub backlog: u32,
    /// `SO_REUSEADDR`, on by default: binds although connections of an earlier server on the port are
    /// in TIME_WAIT. On Linux it does not let two servers listen on one port.
    pub reuse_addr: bool,
    /// `IPV6_V6ONLY`, off by default: `[::]` takes IPv4 peers too, whatever `net.ipv6.bindv6only` says,
    /// so that one address serves everybody. Their addresses are shown as the IPv4 addresses they are.
    pub only_v6: bool,
}

/// Why a server cannot listen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// The host's name has no address.
    #[error("cannot find host \"{host}\"")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// A call of the operating system failed.
    #[error("cannot {operation} {address}")]
    Os {
        /// What was tried: "listen on", "open a socket for", ...
        operation: &'static str,
        /// For which address.
        address: Address,
        /// What the operating system says.
        source: io::Error,
    },
    /// A server is listening at the path of the Unix socket.
    #[error("cannot listen on unix:{}: another server is listening there", path.display())]
    PathInUse {
        /// The path.
        path: PathBuf,
    },
    /// A socket that was handed over is none that clients can connect to.
    #[error("cannot listen on the socket that was handed over: {why}")]
    HandedOver {
        /// What it is instead.
        why: String,
    },
    /// The path of the Unix socket is that of a file of another kind, which is not removed.
    #[error("cannot listen on unix:{}: a file that is no socket is in the way", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
}

/// A socket that listens. Dropping it closes it, and removes its file if it has one.
#[derive(Debug)]
pub struct Listener {
    socket: Listening,
    address: Address,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    // The path is dropped, and so removed, before the socket is closed: whoever still finds the file
    // finds a server behind it. That of a socket that was handed over is for its owner to remove.
    Unix { _path: Option<OwnedPath>, socket: UnixListener },
}

impl Default for BindOptions {
    fn default() -> Self {
        Self { backlog: BACKLOG, reuse_addr: true, only_v6: false }
    }
}

impl BindError {
    /// The error of the operating system behind it, if there is one.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Resolve { source, .. } | Self::Os { source, .. } => Some(source),
            Self::PathInUse { .. } | Self::NotASocket { .. } | Self::HandedOver { .. } => None,
        }
    }
}

impl Listener {
    /// Listens on `address`. A name is resolved, and its first address that this machine has is taken.
    ///
    /// On a loopback address connections have Reno as their congestion control, and are not paced.
    pub async fn bind(address: &Address, options: &BindOptions) -> Result<Self, BindError> {
        match address {
            Address::Tcp { host, port } => bind_host(host, *port, options).await,
            Address::Unix(path) => {
                let (path, socket) = unix_path::listen(path, backlog(options))?;
                let socket = Listening::Unix { _path: Some(path), socket };
                Ok(Self { socket, address: address.clone() })
            }
        }
    }

    /// Listens on a socket that another program has made and bound, and keeps: that one's queue goes on
    /// when this is dropped, and so does the file of a Unix socket.
    pub fn handed_over(socket: OwnedFd) -> Result<Self, BindError> {
        let refused = |why: &str| BindError::HandedOver { why: why.to_owned() };
        let failed = |error: io::Error| BindError::HandedOver { why: error.to_string() };
        let socket = Socket::from(socket);
        if socket.r#type().map_err(failed)? != Type::STREAM {
            return Err(refused(
                "it carries no stream (ListenDatagram= or ListenSequentialPacket=)",
            ));
        }
        if !socket.is_listener().map_err(failed)? {
            return Err(refused(
                "it is a connection already (Accept=yes); Accept=no is what works",
            ));
        }
        socket.set_nonblocking(true).map_err(failed)?;
        match socket.domain().map_err(failed)? {
            Domain::IPV4 | Domain::IPV6 => {
                let socket = TcpListener::from_std(socket.into()).map_err(failed)?;
                let address = socket.local_addr().map_err(failed)?.into();
                Ok(Self { socket: Listening::Tcp(socket), address })
            }
            Domain::UNIX => {
                let socket = UnixListener::from_std(socket.into()).map_err(failed)?;
                let address = socket.local_addr().map_err(failed)?;
                let path = address.as_pathname().map(Into::into).unwrap_or_default();
                let socket = Listening::Unix { _path: None, socket };
                Ok(Self { socket, address: Address::Unix(path) })
            }
            _ => Err(refused("it is neither TCP nor a Unix socket")),
        }
    }

    /// Where it listens, with the port that the system chose if it was left to it.
    pub fn local_address(&self) -> &Address {
        &self.address
    }

    /// Whether it is an IPv6 socket that takes IPv4 peers too: `[::]` without `IPV6_V6ONLY`.
    pub fn is_dual_stack(&self) -> bool {
        let Listening::Tcp(socket) = &self.socket else { return false };
        let is_everywhere = |addr: SocketAddr| addr.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        socket.local_addr().is_ok_and(is_everywhere)
            && SockRef::from(socket).only_v6().is_ok_and(|only_v6| !only_v6)
    }

    /// Takes the next connection out of the kernel's queue. Nothing is lost if the future is dropped.
    ///
    /// Only the task that asked last is woken: one at a time asks.
    pub async fn accept(&self) -> io::Result<(Stream, Peer)> {
        future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match &self.socket {
            Listening::Tcp(socket) => socket
                .poll_accept(cx)
                .map_ok(|(stream, peer)| (stream.into(), Peer::Tcp(canonical(peer)))),
            Listening::Unix { socket, .. } => socket.poll_accept(cx).map_ok(|(stream, peer)| {
                (stream.into(), Peer::Unix(peer.as_pathname().map(Into::into)))
            }),
        }
    }
}

/// The address of an IPv4 peer as one of IPv4; a link-local one of IPv6 keeps its zone.
fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
        IpAddr::V6(_) => peer,
    }
}

async fn bind_host(host: &str, port: u16, options: &BindOptions) -> Result<Listener, BindError> {
    let resolve = |source| BindError::Resolve { host: host.to_owned(), source };
    let mut failure = None;
    for addr in lookup_host((host, port)).await.map_err(resolve)? {
        match listen_tcp(addr, options) {
            Ok(socket) => {
                let local = socket.local_addr().map_err(|source| BindError::Os {
                    operation: "read the address of",
                    address: addr.into(),
                    source,
                })?;
                return Ok(Listener { socket: Listening::Tcp(socket), address: local.into() });
            }
            // `localhost` may stand for an IPv6 address that this machine does not have. Any other
            // error is told: listening on another address than the one that is in use helps nobody.
            Err(error) if error.io().is_some_and(is_not_here) => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or_else(|| resolve(io::Error::other("the name has no address"))))
}

fn is_not_here(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

fn listen_tcp(addr: SocketAddr, options: &BindOptions) -> Result<TcpListener, BindError> {
    let step =
        |operation| move |source| BindError::Os { operation, address: Address::from(addr), source };
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)
        .map_err(step("open a socket for"))?;
    socket.set_reuse_address(options.reuse_addr).map_err(step("set SO_REUSEADDR for"))?;
    if addr.is_ipv6() {
        socket.set_only_v6(options.only_v6).map_err(step("set IPV6_V6ONLY for"))?;
    }
    socket.set_nonblocking(true).map_err(step("make non-blocking the socket for"))?;
    #[cfg(target_os = "linux")]
    if addr.ip().to_canonical().is_loopback() {
        // Clients on this machine cross no network that could be congested, so nothing need be paced: with
        // BBR, which many servers have as their default, that is a timer for every few segments, and a
        // quarter of all that could be sent. Accepted sockets inherit it. Where it cannot be had, they work
        // as well, if more slowly.
        let _ = socket.set_tcp_congestion(b"reno");
    }
    socket.bind(&SockAddr::from(addr)).map_err(step("listen on"))?;
    socket.listen(backlog(options)).map_err(step("listen on"))?;
    TcpListener::from_std(socket.into()).map_err(step("wait for clients on"))
}

/// What listen(2) takes: the kernel cuts a larger number to its own limit, but a negative one would
/// mean that limit itself.
fn backlog(options: &BindOptions) -> i32 {
    i32::try_from(options.backlog).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn nothing_is_paced_within_the_machine() {
        use tokio::net::TcpStream;

        for (host, of_this_machine) in [("127.0.0.1", true), ("::1", true), ("0.0.0.0", false)] {
            let address = Address::Tcp { host: host.into(), port: 0 };
            let listener = Listener::bind(&address, &BindOptions::default()).await.unwrap();
            let Listening::Tcp(socket) = &listener.socket else { panic!("{listener:?}") };
            let client = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
            let (accepted, _) = socket.accept().await.unwrap();
            let [ours, systems] = [accepted, client].map(|stream| {
                // The name, and zeros behind it.
                SockRef::from(&stream).tcp_congestion().unwrap()
            });
            if of_this_machine {
                assert!(ours.starts_with(b"reno"), "{host}");
            } else {
                assert_eq!(ours, systems, "{host}");
            }
        }
    }

    #[test]
    fn a_peer_is_shown_as_what_it_is() {
        for (seen, shown) in [
            ("10.0.0.1:5", "10.0.0.1:5"),
            ("[::ffff:10.0.0.1]:5", "10.0.0.1:5"),
            ("[fd00::1]:5", "[fd00::1]:5"),
            ("[fe80::1%2]:5", "[fe80::1%2]:5"),
        ] {
            assert_eq!(canonical(seen.parse().unwrap()).to_string(), shown);
        }
    }
}
