//! What a frame says, as a small value.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use etherparse::{NetSlice, SlicedPacket, TcpOptionElement, TransportSlice};
use serde::Serialize;

/// IANA's "Protocol Numbers".
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A larger shift counts as this one (RFC 7323, 2.3).
const MAX_WINDOW_SCALE: u8 = 14;

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
    /// A part of a packet that was too long for the link. The receiver puts the parts together, or drops
    /// them all.
    Fragment {
        /// What the whole packet carries, as a number of the IP header.
        protocol: u8,
        /// What all parts of one packet have in common.
        identification: u16,
        /// Where in the packet's payload this part begins.
        offset: usize,
        /// Bytes of the payload that this part carries.
        len: usize,
        /// Whether another part follows.
        more: bool,
        /// The ports of sender and receiver, which only the first part carries.
        ports: Option<(u16, u16)>,
    },
    /// A word about the network itself (RFC 792).
    Icmp {
        /// Its type: 3 is "destination unreachable".
        kind: u8,
        /// Its code: 3 behind type 3 is "port unreachable".
        code: u8,
        /// Of an error, the ports of sender and receiver of the packet that it is about.
        about: Option<(u16, u16)>,
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
    /// By how many bits windows of this sender are to be shifted, where it says so: in a SYN (RFC 7323, 2.2).
    pub window_scale: Option<u8>,
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
                window_scale: tcp.options_iterator().find_map(|option| match option {
                    Ok(TcpOptionElement::WindowScale(scale)) => Some(scale.min(MAX_WINDOW_SCALE)),
                    _ => None,
                }),
                len: tcp.payload().len(),
            }),
            Some(TransportSlice::Udp(udp)) => Transport::Udp {
                source_port: udp.source_port(),
                destination_port: udp.destination_port(),
                len: udp.payload().len(),
            },
            Some(TransportSlice::Icmpv4(icmp)) => Transport::Icmp {
                kind: icmp.type_u8(),
                code: icmp.code_u8(),
                about: ports_of_quoted(icmp.payload()),
            },
            _ => fragment(&sliced).unwrap_or(Transport::Other { protocol }),
        };
        Some(Self { source, destination, transport })
    }

    /// The segment, where it is TCP.
    pub fn tcp(&self) -> Option<&Tcp> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }

    /// The ports of sender and receiver, where it carries them.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.transport {
            Transport::Tcp(tcp) => Some((tcp.source_port, tcp.destination_port)),
            Transport::Udp { source_port, destination_port, .. } => {
                Some((*source_port, *destination_port))
            }
            Transport::Fragment { ports, .. } => *ports,
            Transport::Icmp { .. } | Transport::Other { .. } => None,
        }
    }

    /// The sender's address and port.
    pub fn source_socket(&self) -> Option<SocketAddr> {
        self.ports().map(|(port, _)| SocketAddr::new(self.source, port))
    }
}

/// The part of a longer packet that this is, if it is one.
fn fragment(sliced: &SlicedPacket<'_>) -> Option<Transport> {
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else { return None };
    let (header, payload) = (ip.header(), ip.payload());
    let offset = usize::from(header.fragments_offset().value()) * 8;
    payload.fragmented.then(|| Transport::Fragment {
        protocol: header.protocol().0,
        identification: header.identification(),
        offset,
        len: payload.payload.len(),
        more: header.more_fragments(),
        ports: if offset == 0 { ports(header.protocol().0, payload.payload) } else { None },
    })
}

/// The ports of the packet of which an ICMP error quotes the beginning (RFC 792: its IP header and eight
/// bytes more).
fn ports_of_quoted(packet: &[u8]) -> Option<(u16, u16)> {
    let first = *packet.first()?;
    let header_len = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 {
        return None;
    }
    ports(*packet.get(9)?, packet.get(header_len..)?)
}

/// The ports with which TCP and UDP headers begin.
fn ports(protocol: u8, header: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d, ..] = *header else { return None };
    matches!(protocol, TCP | UDP).then(|| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
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

    use etherparse::icmpv4::DestUnreachableHeader;
    use etherparse::{
        Icmpv4Type, IpFragOffset, IpHeaders, Ipv4Extensions, Ipv4Header, PacketBuilder,
    };

    use super::*;

    #[test]
    fn a_segment_is_read_and_a_cut_one_is_not() {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .tcp(40_001, 7878, 1000, 64_240)
            .syn()
            .ack(77)
            .options(&[TcpOptionElement::Noop, TcpOptionElement::WindowScale(7)])
            .unwrap()
            .write(&mut frame, b"hello")
            .unwrap();
        let packet = Packet::parse(&frame).unwrap();
        let tcp = packet.tcp().unwrap();
        assert_eq!((tcp.window, tcp.window_scale), (64_240, Some(7)));
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

    #[test]
    fn a_fragment_says_which_part_it_is_and_the_first_one_whose() {
        let payload = [0x9c, 0x41, 0x1e, 0xc7, 0x05, 0xdc, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        for (offset, more, ports) in [(0, true, Some((40_001, 7879))), (185, false, None)] {
            let mut ip = Ipv4Header::new(16, 64, UDP.into(), [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
            ip.identification = 77;
            (ip.dont_fragment, ip.more_fragments) = (false, more);
            ip.fragment_offset = IpFragOffset::try_new(offset).unwrap();
            let mut frame = Vec::new();
            let step = PacketBuilder::ethernet2([2; 6], [4; 6]);
            step.ip(IpHeaders::Ipv4(ip, Ipv4Extensions::default()))
                .write(&mut frame, UDP.into(), &payload)
                .unwrap();
            let expected = Transport::Fragment {
                protocol: UDP,
                identification: 77,
                offset: usize::from(offset) * 8,
                len: 16,
                more,
                ports,
            };
            let packet = Packet::parse(&frame).unwrap();
            assert_eq!((packet.ports(), packet.transport), (ports, expected));
        }
    }

    #[test]
    fn an_error_says_which_packet_it_is_about() {
        let mut quoted = Vec::new();
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(40_001, 9)
            .write(&mut quoted, b"")
            .unwrap();
        let mut frame = Vec::new();
        let unreachable = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port);
        PacketBuilder::ethernet2([4; 6], [2; 6])
            .ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
            .icmpv4(unreachable)
            .write(&mut frame, &quoted)
            .unwrap();
        let packet = Packet::parse(&frame).unwrap();
        let expected = Transport::Icmp { kind: 3, code: 3, about: Some((40_001, 9)) };
        assert_eq!((packet.ports(), packet.transport), (None, expected));
        for len in 0..quoted.len() - 4 {
            assert_eq!(ports_of_quoted(&quoted[..len]), None, "{len}");
        }
    }
}
