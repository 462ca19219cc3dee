//! The sockets that the kernel has, as `ss` asks for them (`sock_diag(7)`).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{self, SocketId, StateFlags};
use nix::net::if_::if_nametoindex;
use serde::Serialize;

use crate::host::INTERFACE;
use crate::sock_diag::{Answer, SockDiag};
use crate::tcp_info::TcpInfo;

/// A TCP socket of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TcpSocket {
    /// Its state.
    pub state: TcpState,
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's address; unspecified for a listener.
    pub remote: SocketAddr,
    /// `Recv-Q` of `ss`: of a listener the connections that wait to be accepted, of others the bytes
    /// that wait to be read.
    pub receive_queue: u32,
    /// `Send-Q` of `ss`: of a listener its backlog, of others the bytes that are not acknowledged yet.
    pub send_queue: u32,
    /// The file that holds the socket; 0 where no program does.
    pub inode: u32,
    /// What the kernel will do by itself, if anything.
    pub timer: Option<Timer>,
    /// In how long it will do that.
    pub expires: Option<Duration>,
    /// What else it knows; nothing of a connection that is half-open or in TIME_WAIT.
    pub info: Option<TcpInfo>,
}

/// What the kernel will do about a socket by itself, when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// Send again what is not acknowledged.
    Retransmit,
    /// Ask whether the peer is there, or wait for an answer to that.
    Keepalive,
    /// Forget the connection.
    TimeWait,
    /// Ask whether the peer has room again.
    ZeroWindowProbe,
}

/// The states of TCP, in the kernel's numbering (`include/net/tcp_states.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
#[expect(missing_docs, reason = "RFC 9293, section 3.3.2, says what each is")]
pub enum TcpState {
    #[serde(rename = "ESTAB")]
    Established,
    SynSent,
    SynRecv,
    #[serde(rename = "FIN-WAIT-1")]
    FinWait1,
    #[serde(rename = "FIN-WAIT-2")]
    FinWait2,
    TimeWait,
    #[serde(rename = "UNCONN")]
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

impl TcpState {
    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // 12 is a half-open connection that has no full socket yet.
            3 | 12 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Close,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }
}

/// The state as `ss` writes it.
impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Established => "ESTAB",
            Self::SynSent => "SYN-SENT",
            Self::SynRecv => "SYN-RECV",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::TimeWait => "TIME-WAIT",
            Self::Close => "UNCONN",
            Self::CloseWait => "CLOSE-WAIT",
            Self::LastAck => "LAST-ACK",
            Self::Listen => "LISTEN",
            Self::Closing => "CLOSING",
        })
    }
}

/// The families of a lab without IPv6, in which to ask for more is to ask in vain.
pub(crate) const V4: [u8; 1] = [AF_INET];

/// Those of a lab that has it. A socket that serves both families is one over IPv6.
pub(crate) const V4_AND_V6: [u8; 2] = [AF_INET, AF_INET6];

/// The TCP sockets of the calling thread's namespace.
pub(crate) fn tcp(families: &[u8]) -> io::Result<Vec<TcpSocket>> {
    ask(families, &StateFlags::all())
}

/// The listeners among them.
pub(crate) fn tcp_listeners(families: &[u8]) -> io::Result<Vec<TcpSocket>> {
    ask(families, &StateFlags::LISTEN)
}

fn ask(families: &[u8], states: &StateFlags) -> io::Result<Vec<TcpSocket>> {
    let mut sock_diag = SockDiag::open()?;
    let mut sockets = Vec::new();
    for family in families {
        sockets.extend(sock_diag.all(*family, states.clone())?.iter().filter_map(read));
    }
    Ok(sockets)
}

/// Reads one end of a connection again and again, without a look at any other.
pub(crate) struct ConnectionReader {
    sock_diag: SockDiag,
    id: SocketId,
    remote: SocketAddr,
}

impl ConnectionReader {
    /// A reader in the calling thread's namespace.
    pub(crate) fn open(local: SocketAddr, remote: SocketAddr) -> io::Result<Self> {
        // Without the link's number the kernel knows of no socket whose address means something on that link
        // only (inet6_lookup, net/ipv6/inet6_hashtables.c).
        let is_of_a_link = matches!(local.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local());
        let link = if is_of_a_link { if_nametoindex(INTERFACE)? } else { 0 };
        Ok(Self {
            sock_diag: SockDiag::open()?,
            id: SocketId { interface_id: link, ..id(local, remote) },
            remote,
        })
    }

    /// What the kernel has of it now, if anything.
    pub(crate) fn read(&mut self) -> io::Result<Option<TcpSocket>> {
        let found = self.sock_diag.one(self.id.clone())?.as_ref().and_then(read);
        // A socket over IPv6 that serves IPv4 too has its peer's address as one of IPv6.
        let remote = |socket: &TcpSocket| (socket.remote.ip().to_canonical(), socket.remote.port());
        Ok(found.filter(|socket| remote(socket) == (self.remote.ip(), self.remote.port())))
    }
}

/// Ends this connection of the calling thread's namespace, as `ss -K` does.
pub(crate) fn destroy(local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
    SockDiag::open()?.destroy(id(local, remote))
}

/// How the kernel is asked for one end of a connection.
fn id(local: SocketAddr, remote: SocketAddr) -> SocketId {
    SocketId {
        source_port: local.port(),
        destination_port: remote.port(),
        source_address: local.ip(),
        destination_address: remote.ip(),
        interface_id: 0,
        // Any: the kernel has a cookie for each socket, and none of ours would match.
        cookie: [0xff; 8],
    }
}

fn read(answer: &Answer) -> Option<TcpSocket> {
    let header = &answer.response.header;
    let id = &header.socket_id;
    let info = answer.response.nlas.iter().find_map(|attribute| match attribute {
        Nla::TcpInfo(bytes) => TcpInfo::parse(bytes),
        _ => None,
    });
    let timer = header.timer.as_ref().map(|timer| match timer {
        inet::Timer::Retransmit(..) => Timer::Retransmit,
        inet::Timer::KeepAlive(..) => Timer::Keepalive,
        inet::Timer::TimeWait => Timer::TimeWait,
        inet::Timer::Probe(..) => Timer::ZeroWindowProbe,
    });
    Some(TcpSocket {
        state: TcpState::from_number(header.state)?,
        local: address(id.source_address, id.source_port, id.interface_id),
        remote: address(id.destination_address, id.destination_port, id.interface_id),
        receive_queue: header.recv_queue,
        send_queue: header.send_queue,
        inode: header.inode,
        expires: timer.is_some().then_some(answer.expires),
        timer,
        info,
    })
}

/// An address with the number of the link, where it means something on that link only.
fn address(ip: IpAddr, port: u16, link: u32) -> SocketAddr {
    match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => SocketAddrV6::new(ip, port, 0, link).into(),
        _ => SocketAddr::new(ip, port),
    }
}
