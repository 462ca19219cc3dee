//! Nobody binds, and everybody has an address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use netlab::{Host, Lab, Rule};
use socket2::{Domain, Socket, Type};

use crate::findings::{Check, Story};
use crate::observe::{Observer, Watch, knobs, lifelines};
use crate::stage::{SOON, Stage, Trouble};

use super::step::{PortRange, outcome_of_client, own_address};

/// Plays the story; gives back whether a datagram arrived whose sender did nothing but send.
///
/// Bare sockets: our programs always bind what others are to find.
pub(super) fn play(stage: &Stage) -> Result<(Story, bool), Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("5 ms each way", Duration::from_millis(5)));
    }
    let (client_host, server_host) = (lab.host("client"), lab.host("server"));
    let failed = || Trouble::io("open a socket that is not bound");
    let (listener, listening) = server_host.run(listen_without_bind).map_err(failed())?;
    let watch = Watch::begin(&lab, listening.port())?;
    let to = SocketAddr::new(server_host.address().into(), listening.port());
    let client = stage.client(&lab, "client", "tcp-client", to, &[])?;
    let connected = outcome_of_client(&client)?;
    let tcp_port = client.local_port()?;
    let (_, accepted) = listener.accept().map_err(failed())?;
    let from_client = accepted.as_socket().expect("an IPv4 address");

    let Datagrams { receiving, sent, heard, heard_from, connected: connected_udp } =
        datagrams(stage, &lab)?;
    let server = stage.server(&lab, "server", "tcp-server", 0, &[])?;
    let seen = watch.end(&lab)?;

    let range = PortRange::of(client_host)?;
    let server_range = PortRange::of(server_host)?;
    let none = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let checks = [
        server_range.check("no-bind-listen", "TCP, listen() without bind()", none, listening),
        range.check(
            "no-bind-connect",
            "TCP, connect() without bind() (tcp-client)",
            client_host.address(),
            from_client,
        ),
        range.check("no-bind-sendto", "UDP, sendto() without bind()", none, sent),
        range.check(
            "no-bind-udp-connect",
            "UDP, connect() without bind()",
            client_host.address(),
            connected_udp,
        ),
        server_range.check(
            "no-bind-port-zero",
            "TCP, bind() to port 0 (tcp-server, port 0)",
            server_host.address(),
            server.address,
        ),
    ];
    let here = SocketAddr::new(server_host.address().into(), 0);
    let mut story = Story {
        name: "no-bind".into(),
        says: "sockets that listen, connect and send, and were never bound".into(),
        belief: "bind() comes first, always".into(),
        set_up: vec![
            "server: a bare socket: listen() without bind()".into(),
            format!("        udp-peer recv {here}, tcp-server {here}"),
            format!("client: tcp-client {to}"),
            format!("        bare UDP sockets: sendto() and connect() to {receiving}"),
            knobs(&lab, "client", &["net.ipv4.ip_local_port_range"]),
        ],
        lifelines: lifelines(&lab, "client", "server", listening.port()),
        explanation: vec![
            "A socket without a port gets one when it needs one (inet_autobind): at listen(), at connect(), at \
             the first sendto(). connect() also settles its own address, because it knows the way to the \
             peer; listen() and sendto() leave it open, 0.0.0.0, and each packet says which it came from."
                .into(),
            "What nobody chose nobody else knows. A client needs no known port, so it does not bind. A server \
             must be found, so it binds, or it asks for its port (getsockname(2)) and tells it: that is \
             --port 0 of our programs, and the event \"listening\"."
                .into(),
        ],
        ..Story::default()
    };
    story.checks = checks.to_vec();
    story.checks.extend([
        Check::equal(
            "no-bind-served",
            "connecting to the listener that was never bound",
            "OK",
            &connected,
        ),
        Check::equal(
            "no-bind-datagram",
            "what arrives of a datagram whose sender only sent",
            "hello",
            heard.as_str(),
        ),
        Check::equal(
            "no-bind-sender",
            "its sender, as the receiver is told",
            SocketAddr::new(client_host.address().into(), sent.port()),
            heard_from,
        ),
    ]);
    let mut observer = Observer::new(&seen.records);
    observer.name(tcp_port, "tcp-client");
    observer.name(sent.port(), "UDP sender");
    seen.put_into(&mut story, &observer);
    Ok((story, heard == "hello"))
}

/// What became of datagrams whose sender was never bound.
struct Datagrams {
    receiving: SocketAddr,
    /// The sender's own address, once it has sent.
    sent: SocketAddr,
    heard: String,
    /// The sender, as the receiver is told.
    heard_from: SocketAddr,
    /// The address of a socket that was connected and never bound.
    connected: SocketAddr,
}

fn datagrams(stage: &Stage, lab: &Lab) -> Result<Datagrams, Trouble> {
    let (client, server) = (lab.host("client"), lab.host("server"));
    // Port 0 is no port: the same as none, said aloud.
    let here = SocketAddr::new(server.address().into(), 0).to_string();
    let receiver = stage.udp_peer(lab, "server", "udp-peer", &["recv", &here])?;
    let receiving = address_in(&receiver.expect("listening")?["addr"])?;
    let failed = || Trouble::io("send a datagram");
    let sent = send_without_bind(client, receiving).map_err(failed())?;
    let (heard, heard_from) = match receiver.event(SOON, "datagram") {
        Some(event) => (event["text"].to_string(), address_in(&event["from"])?),
        None => ("nothing".to_owned(), SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)),
    };
    let heard = heard.trim_matches('"').to_owned();
    let connected = connect_without_bind(client, receiving).map_err(failed())?;
    Ok(Datagrams { receiving, sent, heard, heard_from, connected })
}

fn listen_without_bind() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.listen(1)?;
    let address = own_address(&socket)?;
    Ok((socket, address))
}

/// Gives back the address that the sender has then.
fn send_without_bind(host: &Host, to: SocketAddr) -> io::Result<SocketAddr> {
    host.run(move || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.send_to(b"hello", &to.into())?;
        own_address(&socket)
    })
}

fn connect_without_bind(host: &Host, to: SocketAddr) -> io::Result<SocketAddr> {
    host.run(move || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.connect(&to.into())?;
        own_address(&socket)
    })
}

fn address_in(value: &serde_json::Value) -> Result<SocketAddr, Trouble> {
    let address = value.as_str().and_then(|text| text.parse().ok());
    address.ok_or_else(|| Trouble::program("udp-peer", format!("gives {value} as an address")))
}
