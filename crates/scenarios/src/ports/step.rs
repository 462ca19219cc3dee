//! One call, and what became of it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use netlab::Host;
use nix::errno::Errno;
use serde_json::Value;
use socket2::Socket;

use crate::findings::Check;
use crate::stage::{Actor, SOON, Trouble};

/// The name of the error, or `OK`.
pub(super) fn outcome<T>(result: &io::Result<T>) -> String {
    match result {
        Ok(_) => "OK".to_owned(),
        Err(error) => match error.raw_os_error() {
            Some(number) => name(number),
            None => error.to_string(),
        },
    }
}

/// What a client of ours met: the name of the error that ended it, or `OK` once it is connected.
pub(super) fn outcome_of_client(client: &Actor) -> Result<String, Trouble> {
    let told = client.program.wait_for(SOON, |line| {
        let event: Value = serde_json::from_str(&line.text).ok()?;
        let number = event["error"]["os_error"].as_i64().and_then(|n| i32::try_from(n).ok());
        match (event["event"].as_str()?, number) {
            ("connected", _) => Some("OK".to_owned()),
            ("end", Some(number)) => Some(name(number)),
            ("end", None) => Some(event["error"]["kind"].as_str().unwrap_or("no error").to_owned()),
            _ => None,
        }
    });
    told.ok_or_else(|| Trouble::program(client.program.name(), "does not say how it connected"))
}

fn name(number: i32) -> String {
    format!("{:?}", Errno::from_raw(number))
}

/// The address that a socket has, as the kernel tells it (getsockname(2)).
pub(super) fn own_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?.as_socket();
    address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Where the kernel takes ports from: `net.ipv4.ip_local_port_range`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortRange {
    pub(super) first: u16,
    pub(super) last: u16,
}

impl PortRange {
    /// Of a host.
    pub(super) fn of(host: &Host) -> Result<Self, Trouble> {
        let name = "net.ipv4.ip_local_port_range";
        let text = host.sysctl(name).map_err(Trouble::io(format!("read {name}")))?;
        let range = text.split_once(' ').and_then(|(first, last)| {
            Some(Self { first: first.parse().ok()?, last: last.parse().ok()? })
        });
        range.ok_or_else(|| Trouble::program("the kernel", format!("has the range \"{text}\"")))
    }

    fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// A check that the kernel gave this address, and a port of its range.
    pub(super) fn check(
        self,
        id: &str,
        says: &str,
        ip: impl Into<IpAddr>,
        measured: SocketAddr,
    ) -> Check {
        let ip = ip.into();
        let expected = format!("{ip}, port {}..{}", self.first, self.last);
        let ok = measured.ip() == ip && self.contains(measured.port());
        Check::new(id, says, expected, measured.to_string(), ok)
    }
}
