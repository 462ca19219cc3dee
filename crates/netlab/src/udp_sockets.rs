//! The UDP sockets that the kernel has, and what it threw away for each.
//!
//! The kernel tells the same count in three places, each with its own way to be asked: the dump of
//! `sock_diag(7)` that `ss -m` prints, the table that netstat reads, and the socket itself.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use serde::Serialize;

use crate::netlink::Netlink;

/// A UDP socket of the kernel, over IPv4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UdpSocket {
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's address; unspecified where it is not connected.
    pub remote: SocketAddr,
    /// `Recv-Q` of `ss`: how much memory what waits to be read takes.
    pub receive_queue: u32,
    /// The file that holds the socket.
    pub inode: u32,
    /// Datagrams that were thrown away for it, by `sock_diag` (`SKMEMINFO`, `d` of `ss -m`).
    pub drops_by_diag: Option<u32>,
    /// The same by `/proc/net/udp`.
    pub drops_by_table: Option<u32>,
}

/// The UDP sockets of the calling thread's namespace.
pub(crate) fn udp() -> io::Result<Vec<UdpSocket>> {
    let question = InetRequest {
        family: AF_INET,
        protocol: IPPROTO_UDP,
        extensions: ExtensionFlags::SKMEMINFO,
        states: StateFlags::all(),
        socket_id: SocketId::new_v4(),
    };
    let mut sockets = Vec::new();
    let mut netlink = Netlink::open(NETLINK_SOCK_DIAG)?;
    netlink.request(SockDiagMessage::InetRequest(question), NLM_F_DUMP, |answer| {
        if let SockDiagMessage::InetResponse(answer) = answer {
            sockets.push(read(&answer));
        }
    })?;
    for _ in 0..TABLE_READS {
        let table = table()?;
        for socket in sockets.iter_mut().filter(|socket| socket.drops_by_table.is_none()) {
            socket.drops_by_table = drops_of(socket.inode, &table);
        }
        if sockets.iter().all(|socket| socket.drops_by_table.is_some()) {
            break;
        }
    }
    Ok(sockets)
}

/// How often the table is read at most for a socket that is not in it. The kernel goes through its sockets
/// by counting them, so a read misses one while another before it goes (`udp_seq_start`, net/ipv4/udp.c).
const TABLE_READS: usize = 5;

/// The table, in reads as large as the kernel has room for: between two of them sockets come and go.
fn table() -> io::Result<String> {
    // Not /proc/net: that is the main thread's namespace.
    let mut file = File::open("/proc/thread-self/net/udp")?;
    let (mut table, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(String::from_utf8_lossy(&table).into_owned()),
            read => table.extend_from_slice(&chunk[..read]),
        }
    }
}

fn read(answer: &InetResponse) -> UdpSocket {
    let header = &answer.header;
    let id = &header.socket_id;
    let drops_by_diag = answer.nlas.iter().find_map(|nla| match nla {
        Nla::MemInfo(memory) => Some(memory.drops),
        _ => None,
    });
    UdpSocket {
        local: SocketAddr::new(id.source_address, id.source_port),
        remote: SocketAddr::new(id.destination_address, id.destination_port),
        receive_queue: header.recv_queue,
        inode: header.inode,
        drops_by_diag,
        drops_by_table: None,
    }
}

/// Finds a socket by its inode in the text of `/proc/net/udp` (`udp4_format_sock`, net/ipv4/udp.c).
fn drops_of(inode: u32, table: &str) -> Option<u32> {
    let inode = inode.to_string();
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [.., of, _references, _pointer, drops] = fields[..] else { return None };
        if of == inode { drops.parse().ok() } else { None }
    })
}

/// How many datagrams were thrown away for a socket, by the socket itself: `SO_MEMINFO`, of which
/// `SK_MEMINFO_DROPS` is the ninth number (`linux/sock_diag.h`).
#[expect(unsafe_code, reason = "nix knows no SO_MEMINFO")]
pub fn drops_by_socket(socket: &impl AsFd) -> io::Result<u32> {
    const DROPS: usize = 8;
    let mut memory = [0_u32; DROPS + 1];
    let mut len = libc::socklen_t::try_from(size_of_val(&memory)).expect("nine numbers are few");
    let fd = socket.as_fd().as_raw_fd();
    let to = memory.as_mut_ptr().cast();
    // SAFETY: the pointer and the length describe `memory`, of which the kernel writes no more than `len`
    // bytes; any bytes are valid numbers.
    let result =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, to, &raw mut len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(memory[DROPS]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_socket_are_found_by_its_inode() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
            1234: 0100007F:1EC7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 8888 2 0000000000000000 3\n \
            1235: 0100007F:1EC8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9999 2 0000000000000000 91\n";
        assert_eq!(drops_of(9999, table), Some(91));
        assert_eq!(drops_of(8888, table), Some(3));
        assert_eq!(drops_of(1, table), None);
    }
}
