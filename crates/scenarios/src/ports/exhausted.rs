//! A host with ten ports to choose from.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use netlab::{Host, Lab, TcpState};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story, Table};
use crate::observe::{Observer, Seen, Watch, knobs, lifelines};
use crate::stage::{PORT, Stage, Trouble, sockets_in, until};

use super::step::{outcome, outcome_of_client, own_address};

/// The ports that the client's host may choose.
const RANGE: &str = "40000 40009";

const PORTS: usize = 10;

const CHECKS: [(&str, &str); 7] = [
    ("exhausted-ten", "connections to the first server"),
    ("exhausted-eleventh", "one more, by tcp-client"),
    ("exhausted-silent", "SYNs that this one sends"),
    ("exhausted-bind", "bind() to port 0"),
    (
        "exhausted-no-port",
        "the same with IP_BIND_ADDRESS_NO_PORT, then connect() to a second server",
    ),
    ("exhausted-other", "connections to the second server, this one included"),
    ("exhausted-same", "ports that serve a connection to each of the two"),
];

/// Plays the story.
///
/// A bare client: ours opens one connection.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "exhausted".into(),
        says: "a client's host has ten ports, and opens more than ten connections".into(),
        belief: "a host has 65,535 ports, so it can have as many connections".into(),
        explanation: vec![
            "A connection is known by both addresses and both ports, so a port can be used again towards \
             another address or port, and the limit is one per destination: about 28,000 by default. The \
             eleventh connect() is refused here, by one's own kernel, before any packet leaves \
             (__inet_hash_connect): EADDRNOTAVAIL."
                .into(),
            "bind() to port 0 must find a port that is free towards everybody, because it does not know yet to \
             where; so it fails first. A client that needs to fix its address, and not its port, says \
             IP_BIND_ADDRESS_NO_PORT (ip(7)): then connect() chooses, when the destination is known."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&["client", "server"])?;
    if lab.wire().is_none() {
        let why = "needs a sysctl of its own: level L0 or L1";
        story.checks = Check::all_skipped(&CHECKS, why);
        return Ok(story);
    }
    stage.turn(&lab, "client", "net.ipv4.ip_local_port_range", RANGE)?;
    let args = ["--idle", "0"];
    let one = stage.server(&lab, "server", "first server", PORT, &args)?;
    let two = stage.server(&lab, "server", "second server", PORT + 1, &args)?;
    let client = lab.host("client");
    let watch = Watch::begin(&lab, one.address.port())?;

    let first = connect(client, one.address, PORTS);
    let eleventh =
        stage.failing_client(&lab, "client", "tcp-client", &[&one.address.to_string()])?;
    let eleventh = outcome_of_client(&eleventh)?;
    let own = client.address();
    let bind = outcome(&client.run(move || bind_any(own)));
    let late = client.run(move || bind_late(own, two.address));
    let second = connect(client, two.address, PORTS - usize::from(late.is_ok()));
    // A connection stands at the client before its last segment has come to the server, and what the server
    // counts is compared. Where the wire has lost that segment, this waits for nothing.
    let connections = first.len() + second.len() + usize::from(late.is_ok());
    let stand =
        || Ok((sockets_in(&lab, "server", TcpState::Established)? == connections).then_some(()));
    let _ = until("every connection at the server", stand);
    let seen = watch.end(&lab)?;

    let mut ports_of_second = ports(&second);
    ports_of_second.extend(late.iter().flat_map(own_address).map(|address| address.port()));
    let shared = ports(&first).iter().filter(|port| ports_of_second.contains(port)).count();
    let [ten, more, silent, bound, no_port, other, same] = CHECKS;
    story.checks = vec![
        Check::equal(ten.0, ten.1, PORTS, first.len()),
        Check::equal(more.0, more.1, "EADDRNOTAVAIL", &eleventh),
        Check::equal(silent.0, silent.1, 0, extra_syns(&seen, one.address.port(), first.len())),
        Check::equal(bound.0, bound.1, "EADDRINUSE", &bind),
        Check::equal(no_port.0, no_port.1, "OK", &outcome(&late)),
        Check::equal(other.0, other.1, PORTS, ports_of_second.len()),
        Check::equal(same.0, same.1, PORTS, shared),
    ];
    story.set_up = vec![
        format!("server: tcp-server {} and tcp-server {}", one.address, two.address),
        "client: bare sockets, each left open".into(),
        knobs(&lab, "client", &["net.ipv4.ip_local_port_range"]),
    ];
    story.lifelines = lifelines(&lab, "client", "server", one.address.port());
    story.tables = vec![ports_table(&ports(&first), &ports_of_second)];
    draw(&lab, seen, &mut story);
    Ok(story)
}

/// Opens as many connections as the kernel allows, at most `limit`.
fn connect(host: &Host, to: SocketAddr, limit: usize) -> Vec<TcpStream> {
    host.run(move || (0..limit).map_while(|_| TcpStream::connect(to).ok()).collect())
}

fn ports(connections: &[TcpStream]) -> Vec<u16> {
    connections.iter().flat_map(TcpStream::local_addr).map(|address| address.port()).collect()
}

fn bind_any(own: Ipv4Addr) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(own.into(), 0).into())
}

/// Fixes the address and leaves the port to `connect`.
fn bind_late(own: Ipv4Addr, to: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    socket.bind(&SocketAddr::new(own.into(), 0).into())?;
    socket.connect(&to.into())?;
    Ok(socket)
}

/// SYNs to this port beyond those of the connections that there are.
fn extra_syns(seen: &Seen, port: u16, connections: usize) -> usize {
    let syns = seen.segments(|_, tcp| tcp.flags.is_first_syn() && tcp.destination_port == port);
    let mut from: Vec<u16> = syns
        .iter()
        .filter_map(|record| record.packet.as_ref()?.tcp())
        .map(|tcp| tcp.source_port)
        .collect();
    from.sort_unstable();
    from.dedup();
    from.len().saturating_sub(connections)
}

fn ports_table(first: &[u16], second: &[u16]) -> Table {
    let in_order = |ports: &[u16]| {
        let mut ports = ports.to_vec();
        ports.sort_unstable();
        ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
    };
    Table {
        says: "the client's ports, by destination".into(),
        columns: ["to", "from the ports"].map(str::to_owned).to_vec(),
        rows: vec![
            vec!["the first server".into(), in_order(first)],
            vec!["the second server".into(), in_order(second)],
        ],
    }
}

/// Draws the first handshake; the others look the same.
fn draw(lab: &Lab, seen: Seen, story: &mut Story) {
    let observer = Observer::new(&seen.records);
    seen.put_into(story, &observer);
    let all = story.packets.len();
    if let Some(first) = story.packets.first().map(|packet| packet.ports.0) {
        let server = lab.host("server").id().0;
        story.packets.retain(|packet| {
            let client_port = if packet.from == server { packet.ports.1 } else { packet.ports.0 };
            client_port == first && [packet.ports.0, packet.ports.1].contains(&PORT)
        });
    }
    let left = all - story.packets.len();
    story.not_drawn = (left > 0).then(|| format!("{left} packets of the other connections"));
}
