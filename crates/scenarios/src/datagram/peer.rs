//! Receivers and senders that several stories have.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use netlab::{Lab, Record, Transport};
use serde_json::Value;

use crate::arrivals::Arrivals;
use crate::findings::Check;
use crate::stage::{Actor, Stage, Trouble, UDP_PORT};

/// A program that receives, and where.
pub(super) struct Receiver {
    pub(super) actor: Actor,
    pub(super) address: SocketAddr,
}

impl Receiver {
    /// Starts `udp-peer recv` on the host "server".
    pub(super) fn start(stage: &Stage, lab: &Lab, args: &[&str]) -> Result<Self, Trouble> {
        let own = address_of_server(stage, lab).to_string();
        let args = [&["recv", &own][..], args].concat();
        let actor = stage.udp_peer(lab, "server", "receiver", &args)?;
        let listening = actor.expect("listening")?;
        let address = listening["addr"].as_str().and_then(|text| text.parse().ok());
        let address = address
            .ok_or_else(|| Trouble::program("receiver", format!("listens on {listening}")))?;
        Ok(Self { actor, address })
    }

    /// What it told of the datagrams that it got.
    pub(super) fn datagrams(&self) -> Vec<Value> {
        self.actor.events("datagram")
    }

    /// Waits until it has told of all that arrive of so many.
    pub(super) fn hears(&self, lab: &Lab, sent: usize) {
        arrivals(lab, self.address).are_told_by(&self.actor, sent);
    }
}

/// Where the server receives: on a port that the system picks where the loopback is everybody's.
pub(super) fn address_of_server(stage: &Stage, lab: &Lab) -> SocketAddr {
    let port = if stage.level.has_namespaces() { UDP_PORT } else { 0 };
    SocketAddr::new(lab.host("server").address().into(), port)
}

/// What arrives at an address of the host "server".
pub(super) fn arrivals(lab: &Lab, at: SocketAddr) -> Arrivals<'_> {
    Arrivals { lab, host: "server", port: at.port() }
}

/// Sends lines from the host "client" with `udp-peer send`, then `q`; gives the program, which has ended,
/// and its exit code.
pub(super) fn send_lines(
    stage: &Stage,
    lab: &Lab,
    to: SocketAddr,
    args: &[&str],
    lines: &[String],
) -> Result<(Actor, Option<i32>), Trouble> {
    let to = to.to_string();
    let args = [&["send"][..], args, &[&to]].concat();
    let mut sender = stage.udp_peer(lab, "client", "sender", &args)?;
    for line in lines {
        sender.say(line)?;
    }
    sender.say("q")?;
    let exit = sender.exit()?;
    Ok((sender, exit))
}

/// A bare socket of a host.
pub(super) fn bare_socket(lab: &Lab, host: &str, at: SocketAddr) -> Result<UdpSocket, Trouble> {
    lab.host(host).run(move || UdpSocket::bind(at)).map_err(Trouble::io(format!("bind {at}")))
}

/// Any address and port of a host.
pub(super) const ANY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// What a call of a socket that does not wait gives: the bytes, an error in words, or nothing.
pub(super) fn outcome(result: io::Result<usize>) -> String {
    match result {
        Ok(len) => format!("{len} bytes"),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => "nothing".to_owned(),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => "ECONNREFUSED".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Checks of which nothing can be seen on a loopback that all programs share.
pub(super) fn skipped(checks: &[(&str, &str)]) -> Vec<Check> {
    Check::all_skipped(checks, "needs a network of its own: level L0 or L1")
}

/// Whether a recorded packet is a part of a longer one.
pub(super) fn is_fragment(record: &Record) -> bool {
    let transport = record.packet.as_ref().map(|packet| &packet.transport);
    matches!(transport, Some(Transport::Fragment { .. }))
}

/// Whether it is an ICMP message of this type and code.
pub(super) fn is_icmp(record: &Record, wanted: (u8, u8)) -> bool {
    let transport = record.packet.as_ref().map(|packet| &packet.transport);
    matches!(transport, Some(Transport::Icmp { kind, code, .. }) if (*kind, *code) == wanted)
}

/// Words with a comma between them.
pub(super) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}
