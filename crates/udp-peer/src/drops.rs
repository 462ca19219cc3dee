//! How many datagrams the kernel has thrown away for a socket.
//!
//! A datagram that carries the count (`SO_RXQ_OVFL`) got the one of the moment in which it was queued.
//! Those that are lost after the last one that fits, which is how a burst ends, are told by no datagram:
//! the kernel's table of sockets has them.

use std::fs;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;

/// The tables of the namespace of this thread, which may be another one than that of the process.
const TABLES: [&str; 2] = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"];

/// The count of a socket by the kernel's table; `None` where there is no such table.
pub(crate) fn by_table(socket: BorrowedFd<'_>) -> Option<u32> {
    let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?.ino();
    TABLES.iter().find_map(|table| drops_of(inode, &fs::read_to_string(table).ok()?))
}

/// Finds a socket by its inode in the text of `/proc/net/udp` (`udp4_format_sock` in the kernel).
fn drops_of(inode: u64, table: &str) -> Option<u32> {
    let inode = inode.to_string();
    table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let [.., of, _references, _pointer, drops] = fields[..] else { return None };
        if of == inode { drops.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_socket_are_found_by_its_inode() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n \
            1234: 0100007F:1EC7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 8888 2 0000000000000000 3         \n \
            1235: 0100007F:1EC8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9999 2 0000000000000000 91        \n";
        assert_eq!(drops_of(9999, table), Some(91));
        assert_eq!(drops_of(8888, table), Some(3));
        assert_eq!(drops_of(1, table), None);
        assert_eq!(drops_of(1, ""), None);
    }
}
