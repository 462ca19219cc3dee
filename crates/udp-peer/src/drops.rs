//! How many datagrams the kernel has thrown away for a socket.
//!
//! A datagram that carries the count (`SO_RXQ_OVFL`) got the one of the moment in which it was queued.
//! Those that are lost after the last one that fits, which is how a burst ends, are told by no datagram:
//! the kernel's table of sockets has them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;

/// The tables of the namespace of this thread, which may be another one than that of the process.
const TABLES: [&str; 2] = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"];

/// How often the tables are read at most for a socket that is not in them. The kernel goes through its
/// sockets by counting them, so a read misses one while another before it goes (`udp_seq_start`,
/// net/ipv4/udp.c).
const TABLE_READS: usize = 5;

/// The count of a socket by the kernel's table; `None` where there is no such table.
pub(crate) fn by_table(socket: BorrowedFd<'_>) -> Option<u32> {
    let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?.ino();
    of_inode(inode, || TABLES.map(|path| read_table(path).ok()))
}

fn of_inode(inode: u64, mut tables: impl FnMut() -> [Option<String>; 2]) -> Option<u32> {
    (0..TABLE_READS)
        .find_map(|_| tables().iter().flatten().find_map(|table| drops_of(inode, table)))
}

/// A table, in reads as large as the kernel has room for: between two of them sockets come and go.
fn read_table(path: &str) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut table, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(String::from_utf8_lossy(&table).into_owned()),
            read => table.extend_from_slice(&chunk[..read]),
        }
    }
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

    #[test]
    fn a_read_that_has_missed_the_socket_is_not_the_last() {
        let line = "1235: 0100007F:1EC8 00000000:0000 07 0:0 00:0 0 0 0 9999 2 0 91\n";
        let mut reads = 0;
        let mut table_from = |first: usize| {
            reads = 0;
            of_inode(9999, || {
                reads += 1;
                [Some(if reads < first { "" } else { line }.to_owned()), None]
            })
        };
        assert_eq!(table_from(1), Some(91));
        assert_eq!(table_from(TABLE_READS), Some(91));
        assert_eq!(table_from(TABLE_READS + 1), None);
    }
}
