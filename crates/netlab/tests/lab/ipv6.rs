//! A lab with IPv6, which is as quiet as one without.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use netlab::{Lab, LabOptions, Level, Transport};

use crate::{LIMIT, PORT, output_in, sockets_as_by_ss};

/// Longer than a kernel waits before it reports to a group or looks for routers: a second.
const NOISE_WITHIN: Duration = Duration::from_millis(1500);

/// A lab with IPv6; `None` where this kernel has none.
fn lab(level: Level) -> Option<Lab> {
    let lab =
        Lab::with(level, &["client", "server"], LabOptions { ipv6: true, ..LabOptions::default() })
            .unwrap();
    if lab.host("server").address_v6().is_none() {
        println!("skipped: this kernel has no IPv6");
        return None;
    }
    Some(lab)
}

/// A word over a connection to each address of a server that serves both families, and the ends.
fn talk(lab: &Lab) -> (TcpListener, Vec<(TcpStream, TcpStream)>) {
    let server = lab.host("server");
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT));
    let listener = server.run(move || TcpListener::bind(any)).unwrap();
    let mut on_link = server.link_local().unwrap().unwrap();
    on_link.set_port(PORT);
    let addresses = [
        SocketAddr::from((server.address(), PORT)),
        SocketAddr::from((server.address_v6().unwrap(), PORT)),
        on_link.into(),
    ];
    let connections = addresses.map(|address| {
        let mut client = lab.host("client").run(move || TcpStream::connect(address)).unwrap();
        let (mut child, _) = listener.accept().unwrap();
        client.write_all(b"four").unwrap();
        child.read_exact(&mut [0; 4]).unwrap();
        (client, child)
    });
    (listener, connections.into())
}

pub(crate) fn carried_and_quiet(level: Level) {
    let Some(lab) = lab(level) else { return };
    let _ends = talk(&lab);
    let wire = lab.wire().unwrap();
    let is_noise = |record: &netlab::Record| {
        let transport = record.packet.as_ref().map(|packet| &packet.transport);
        !matches!(transport, Some(Transport::Tcp(_))) || record.to.is_none()
    };
    assert!(wire.wait_for(NOISE_WITHIN, is_noise).is_none(), "{:?}", wire.records());
    let sources: Vec<SocketAddr> = wire
        .records()
        .iter()
        .filter_map(|record| record.packet.as_ref())
        .filter(|packet| packet.tcp().is_some_and(|tcp| tcp.flags.is_first_syn()))
        .filter_map(netlab::Packet::source_socket)
        .collect();
    let addresses: Vec<String> = sources.iter().map(|source| source.ip().to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1", "fd00::1", "fe80::1"]);
    assert_eq!(lab.host("server").address(), Ipv4Addr::new(10, 0, 0, 2));
}

pub(crate) fn sockets_agree_with_ss(level: Level) {
    let Some(lab) = lab(level) else { return };
    let _ends = talk(&lab);
    let Some(ours) = sockets_as_by_ss(&lab, "server") else { return };
    let is_there = |line: &str| ours.iter().any(|ours| ours.starts_with(line));
    assert!(is_there("LISTEN 0 128 *:7878"), "{ours:?}");
    assert!(is_there("ESTAB 0 0 [fd00::2]:7878 [fd00::1]:"), "{ours:?}");
    assert!(is_there("ESTAB 0 0 [::ffff:10.0.0.2]:7878 [::ffff:10.0.0.1]:"), "{ours:?}");
}

pub(crate) fn counters_agree_with_nstat(level: Level) {
    let Some(lab) = lab(level) else { return };
    let to = SocketAddr::from((lab.host("server").address_v6().unwrap(), PORT));
    let receiver = lab.host("server").run(move || UdpSocket::bind(to)).unwrap();
    receiver.set_read_timeout(Some(LIMIT)).unwrap();
    let sender = lab.host("client").run(|| UdpSocket::bind("[::]:0")).unwrap();
    for _ in 0..3 {
        sender.send_to(b"word", to).unwrap();
        receiver.recv(&mut [0; 8]).unwrap();
    }
    for (host, counter) in [("client", "Udp6OutDatagrams"), ("server", "Udp6InDatagrams")] {
        let counters = lab.host(host).counters().unwrap();
        assert_eq!(counters.get(counter), Some(3), "{host}");
        let Some(nstat) = output_in(&lab, host, "nstat -asz") else { return };
        let line = nstat.lines().find(|line| line.split_whitespace().next() == Some(counter));
        let theirs = line.and_then(|line| line.split_whitespace().nth(1));
        assert_eq!(theirs, Some("3"), "{counter} of {host} as nstat has it");
    }
}
