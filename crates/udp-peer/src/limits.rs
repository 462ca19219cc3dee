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
