//! How large a datagram may be.

use std::net::{IpAddr, SocketAddr};

/// Largest datagram over IPv4, in bytes: the 16 bits of the total length, less the headers of IPv4 (20
/// bytes) and UDP (8 bytes). The kernel refuses a larger one with EMSGSIZE, whatever the path.
pub const MAX_DATAGRAM_V4: usize = 65_507;

/// Largest datagram over IPv6, in bytes: the payload length does not count IPv6's own header, so only
/// that of UDP is subtracted. Jumbograms (RFC 2675) are left out.
pub const MAX_DATAGRAM_V6: usize = 65_527;

/// Largest datagram of all, in bytes: a buffer of this size cuts none.
pub const MAX_DATAGRAM: usize = MAX_DATAGRAM_V6;

/// How many buffers one call fills at most, each with a datagram or with several of one sender: 8, which is
/// half a MiB for a socket.
pub const RECEIVED_AT_ONCE: usize = 8;

/// How many calls receive before something is sent: 16, so that who sends without a pause does not keep
/// others from being answered.
pub const RECEIVES_IN_A_ROW: usize = 16;

/// How many datagrams are sent before it is looked whether something has come: 256.
pub const SENDS_IN_A_ROW: usize = 256;

/// The receive buffer that a socket of reliable connections asks for, in bytes: 1 MiB.
///
/// The kernel's default of 208 KiB holds about 90 full datagrams, fewer than a window of one peer. It
/// gives no more than `net.core.rmem_max`.
pub const RELIABLE_RECV_BUFFER: usize = 1024 * 1024;

/// How many connections of others wait for being accepted: 64. One more is closed with a word why.
pub const MAX_WAITING: usize = 64;

/// How many news of a connection wait for being read, confirmations aside: 16. Older ones go.
pub const MAX_NEWS: usize = 16;

/// For how many addresses it is remembered by which of our own we met them: 8192. When there are more, all
/// are forgotten, and learnt again with their next datagram.
pub const MAX_WAYS: usize = 8192;

/// Longest message into which what is written to a stream is put, in bytes: 64 KiB. Longer ones would
/// travel as well, but come out only when they are whole.
pub const STREAM_MESSAGE: usize = 64 * 1024;

/// Largest datagram that can be sent to an address, in bytes.
///
/// ```
/// use udp_peer::limits::max_datagram;
///
/// assert_eq!(max_datagram("127.0.0.1:1".parse()?), 65_507);
/// assert_eq!(max_datagram("[::1]:1".parse()?), 65_527);
/// assert_eq!(max_datagram("[::ffff:127.0.0.1]:1".parse()?), 65_507);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn max_datagram(to: SocketAddr) -> usize {
    match to.ip().to_canonical() {
        IpAddr::V4(_) => MAX_DATAGRAM_V4,
        IpAddr::V6(_) => MAX_DATAGRAM_V6,
    }
}
