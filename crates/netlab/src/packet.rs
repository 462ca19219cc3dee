//! What a frame says, as a small value.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use serde::Serialize;

/// The addresses of a packet and what it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Packet {
    /// The sender's IP address.
    pub source: IpAddr,
    /// The receiver's IP address.
    pub destination: IpAddr,
    /// What follows the IP header.
    pub transport: Transport,
}

/// What follows an IP header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A TCP segment.
    Tcp(Tcp),
    /// A UDP datagram.
    Udp {
        /// The sender's port.
        source_port: u16,
        /// The receiver's port.
        destination_port: u16,
        /// Bytes that the datagram carries.
        len: usize,
    },
    /// Anything else, by its number in the IP header.
    Other {
        /// The number (IANA, "Protocol Numbers").
        protocol: u8,
    },
}

/// The header of a TCP segment, and how much it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tcp {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Number of the first byte carried.
    pub sequence: u32,
    /// Number of the byte that the sender expects next, where ACK is set.
    pub acknowledgement: u32,
    /// The flags.
    pub flags: TcpFlags,
    /// The receive window as it stands in the header, not scaled.
    pub window: u16,
    /// Bytes of data carried.
    pub len: usize,
}

/// The flags of a TCP segment (RFC 9293, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the header has these five bits")]
pub struct TcpFlags {
    /// Opens a connection.
    pub syn: bool,
    /// The sender has sent everything.
    pub fin: bool,
    /// The connection does not exist, or no longer.
    pub rst: bool,
    /// The receiver should hand the data on at once.
    pub psh: bool,
    /// The acknowledgement number counts.
    pub ack: bool,
}

impl Packet {
    /// Reads an Ethernet frame; `None` where it carries no IP, or is cut.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let sliced = SlicedPacket::from_ethernet(frame).ok()?;
        let (source, destination, protocol) = match &sliced.net {
            Some(NetSlice::Ipv4(ip)) => (
                IpAddr::from(ip.header().source_addr()),
                IpAddr::from(ip.header().destination_addr()),
                ip.payload().ip_number.0,
            ),
            Some(NetSlice::Ipv6(ip)) => (
                IpAddr::from(ip.header().source_addr()),
                IpAddr::from(ip.header().destination_addr()),
                ip.payload().ip_number.0,
            ),
            _ => return None,
        };
        let transport = match &sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => Transport::Tcp(Tcp {
                source_port: tcp.source_port(),
                destination_port: tcp.destination_port(),
                sequence: tcp.sequence_number(),
                acknowledgement: tcp.acknowledgment_number(),
                flags: TcpFlags {
                    syn: tcp.syn(),
                    fin: tcp.fin(),
                    rst: tcp.rst(),
                    psh: tcp.psh(),
                    ack: tcp.ack(),
                },
                window: tcp.window_size(),
                len: tcp.payload().len(),
            }),
            Some(TransportSlice::Udp(udp)) => Transport::Udp {
                source_port: udp.source_port(),
                destination_port: udp.destination_port(),
                len: udp.payload().len(),
            },
            _ => Transport::Other { protocol },
        };
        Some(Self { source, destination, transport })
    }

    /// The segment, where it is TCP.
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            Transport::Udp { .. } | Transport::Other { .. } => None,
        }
    }

    /// The ports of sender and receiver, where there are any.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.transport {
            Transport::Tcp(tcp) => Some((tcp.source_port, tcp.destination_port)),
            Transport::Udp { source_port, destination_port, .. } => {
                Some((*source_port, *destination_port))
            }
            Transport::Other { .. } => None,
        }
    }

    /// The sender's address and port.
    pub fn source_socket(&self) -> Option<SocketAddr> {
        self.ports().map(|(port, _)| SocketAddr::new(self.source, port))
    }
}

impl TcpFlags {
    /// Whether this is the first segment of a connection: SYN without ACK.
    pub const fn is_first_syn(self) -> bool {
        self.syn && !self.ack
    }
}

/// The flags as Wireshark writes them: `SYN, ACK`.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.fin, "FIN"),
            (self.syn, "SYN"),
            (self.rst, "RST"),
            (self.psh, "PSH"),
            (self.ack, "ACK"),
        ];
        let set: Vec<&str> = names.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        f.write_str(&set.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use etherparse::PacketBuilder;

    use super::*;

    #[test]
    fn a_segment_is_read_and_a_cut_one_is_not() {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(40_001, 7878, 1000, 64_240)
            .syn()
            .ack(77)
            .write(&mut frame, b"hello")
            .unwrap();
        let packet = Packet::parse(&frame).unwrap();
        let tcp = packet.tcp().unwrap();
        assert_eq!(packet.source_socket(), Some("10.0.0.1:40001".parse().unwrap()));
        assert_eq!((tcp.sequence, tcp.acknowledgement, tcp.len), (1000, 77, 5));
        assert_eq!(tcp.flags.to_string(), "SYN, ACK");
        for len in 0..frame.len() {
            assert_eq!(Packet::parse(&frame[..len]), None, "{len} bytes of {}", frame.len());
        }
    }

    #[test]
    fn a_datagram_over_ipv6_is_read_and_a_cut_one_is_not() {
        let at = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last);
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv6(at(1).octets(), at(2).octets(), 64)
            .udp(40_001, 7879)
            .write(&mut frame, b"hello")
            .unwrap();
        let packet = Packet::parse(&frame).unwrap();
        assert_eq!(packet.source_socket(), Some("[fd00::1]:40001".parse().unwrap()));
        assert_eq!(packet.destination, at(2));
        let udp = Transport::Udp { source_port: 40_001, destination_port: 7879, len: 5 };
        assert_eq!(packet.transport, udp);
        for len in 0..frame.len() {
            assert_eq!(Packet::parse(&frame[..len]), None, "{len} bytes of {}", frame.len());
        }
    }
}
