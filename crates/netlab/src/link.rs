//! Links, addresses and neighbours, as rtnetlink(7) makes them.
//!
//! Every function acts on the network namespace in which the calling thread is.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use crate::netlink::Netlink;

/// The largest IP packet on a lab's link, in bytes: Ethernet's.
pub const MTU: u32 = 1500;

/// The length of the lab's IPv4 prefix: its hosts are in one /24.
const PREFIX_LEN: u8 = 24;

/// The length of its IPv6 prefixes, which is that of every Ethernet (RFC 4291, section 2.5.1).
const PREFIX_LEN_V6: u8 = 64;

/// How long the kernel may take to set up a route: its work queues are late on a busy machine only.
const ROUTE_WITHIN: Duration = Duration::from_secs(10);

/// How often its routes are looked at meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Both ends of a veth pair.
#[derive(Debug)]
pub struct VethPair<'a> {
    /// The name of the end that stays in this namespace.
    pub here: &'a str,
    /// The name of the end that goes into the other one.
    pub there: &'a str,
    /// That other namespace.
    pub namespace: BorrowedFd<'a>,
    /// The Ethernet address of the end that goes there.
    pub mac: Mac,
}

/// Makes a veth pair, one end of it in another namespace from the start.
///
/// The end that stays here carries what others send, and says nothing of its own: with IPv6 it would
/// look for routers and neighbours in the host's network.
pub fn create_veth(pair: &VethPair<'_>) -> io::Result<()> {
    match fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1") {
        // A kernel without IPv6.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut peer = LinkMessage::default();
    peer.attributes = vec![
        LinkAttribute::IfName(pair.there.to_owned()),
        LinkAttribute::Address(pair.mac.to_vec()),
        LinkAttribute::Mtu(MTU),
        LinkAttribute::NetNsFd(pair.namespace.as_raw_fd()),
    ];
    let mut link = LinkMessage::default();
    link.attributes = vec![
        LinkAttribute::IfName(pair.here.to_owned()),
        LinkAttribute::Mtu(MTU),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ];
    change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
}

/// Brings a link up.
pub fn bring_up(index: u32) -> io::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    change(RouteNetlinkMessage::NewLink(link), 0)
}

/// Makes a link that asks for no Ethernet address and joins no group: for IPv6 a host would otherwise
/// report to everybody which multicast groups it is in, as soon as it has an address.
pub fn silence(index: u32) -> io::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Noarp;
    link.header.change_mask = LinkFlags::Noarp;
    change(RouteNetlinkMessage::NewLink(link), 0)
}

/// Gives a link an address.
pub fn add_address(index: u32, address: IpAddr) -> io::Result<()> {
    let mut message = AddressMessage::default();
    message.header.index = index;
    (message.header.family, message.header.prefix_len) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, PREFIX_LEN),
        IpAddr::V6(_) => {
            // Nobody else can have it, and to ask takes a second.
            message.header.flags = AddressHeaderFlags::Nodad;
            (AddressFamily::Inet6, PREFIX_LEN_V6)
        }
    };
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
}

/// Waits until the kernel takes in what is sent to an IPv6 address of its own.
///
/// It has the address at once, but the route by which it finds out that a packet is for itself comes
/// later, from a work queue (`addrconf_dad_work`, net/ipv6/addrconf.c); nobody is told, and what
/// arrives before that is dropped.
pub fn wait_for_own_route(address: Ipv6Addr) -> io::Result<()> {
    // /proc/net/ipv6_route begins with the destination and the length of its prefix, 128.
    let route = format!("{:032x} 80 ", u128::from(address));
    let deadline = Instant::now() + ROUTE_WITHIN;
    while !fs::read_to_string("/proc/thread-self/net/ipv6_route")?.contains(&route) {
        if Instant::now() > deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no route to {address}")));
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// Says once and for ever which Ethernet address an IP address has.
///
/// Without it the first packet to a host waits for ARP, or for the neighbour discovery of IPv6, which a
/// recording would show as a slow network: a handshake over a link of 20 ms then measures 81 ms in place
/// of 40.
pub fn add_neighbour(index: u32, address: IpAddr, mac: Mac) -> io::Result<()> {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = index;
    message.header.state = NeighbourState::Permanent;
    let (family, destination) = match address {
        IpAddr::V4(address) => (AddressFamily::Inet, NeighbourAddress::Inet(address)),
        IpAddr::V6(address) => (AddressFamily::Inet6, NeighbourAddress::Inet6(address)),
    };
    message.header.family = family;
    message.attributes = vec![
        NeighbourAttribute::Destination(destination),
        NeighbourAttribute::LinkLayerAddress(mac.to_vec()),
    ];
    change(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
}

/// Sends what is for a network (an address and the length of its prefix) through a gateway.
pub fn add_route(index: u32, network: (Ipv4Addr, u8), gateway: Ipv4Addr) -> io::Result<()> {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = network.1;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![
        RouteAttribute::Destination(RouteAddress::Inet(network.0)),
        RouteAttribute::Gateway(RouteAddress::Inet(gateway)),
        RouteAttribute::Oif(index),
    ];
    change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)
}

/// The number of the link with this name.
pub fn index_of(name: &str) -> io::Result<u32> {
    Ok(nix::net::if_::if_nametoindex(name)?)
}

/// Turns off what a network card would do for the kernel: checksums, cutting, joining.
///
/// With it a recording shows 64 KiB "segments" with unfinished checksums, which no network carries.
pub fn turn_off_offloads(name: &str) -> io::Result<()> {
    // linux/ethtool.h: ETHTOOL_STXCSUM, SSG, STSO, SGSO, SGRO.
    for command in [0x17, 0x19, 0x1f, 0x24, 0x2c] {
        offload::set(name, command, 0)?;
    }
    Ok(())
}

fn change(message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    Netlink::open(NETLINK_ROUTE)?.change(message, flags)
}

mod offload {
    //! The one ioctl of ethtool that the lab needs.

    use std::io;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    /// `struct ethtool_value` of linux/ethtool.h.
    #[repr(C)]
    struct EthtoolValue {
        command: u32,
        data: u32,
    }

    #[expect(unsafe_code, reason = "ethtool(8) has no safe wrapper")]
    pub(super) fn set(name: &str, command: u32, data: u32) -> io::Result<()> {
        // Any socket of this namespace will do as the handle for the call.
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        let mut value = EthtoolValue { command, data };
        // SAFETY: `ifreq` is plain C data, for which all zeros is a valid value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        assert!(name.len() < request.ifr_name.len(), "{name} is no name of a link");
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        // SAFETY: the kernel reads `request` and the eight bytes of `value` that it points to, and
        // writes no more than those; both outlive the call.
        let result =
            unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
