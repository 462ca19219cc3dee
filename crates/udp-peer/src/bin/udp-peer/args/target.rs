//! Whom somebody means, and where one is reached.

use cli::{Exit, Failure};
use proto::address::{self, DEFAULT_HOST};
use proto::{Address, AddressError};

use super::DEFAULT_PORT;

/// The address that was asked for, or a port of the loopback.
pub(crate) fn own_address(address: Option<&Address>, port: Option<u16>) -> Address {
    let port = port.unwrap_or(DEFAULT_PORT);
    address.cloned().unwrap_or_else(|| Address::Tcp { host: DEFAULT_HOST.to_owned(), port })
}

/// Whom somebody means by one or two words.
pub(super) fn target(to: &[String]) -> Result<Address, Failure> {
    let peer = match to {
        [host, port] if address::is_ipv6(host) || !host.contains(':') => {
            Address::from_host_and_port(host, port)
        }
        [bracketed, port] if bracketed.ends_with(']') => {
            Address::from_host_and_port(bracketed, port)
        }
        [whole] => whole.parse(),
        _ => {
            let text = to.join(" ");
            return Err(usage(format!("\"{text}\" names a port twice"))
                .hint("write HOST PORT or HOST:PORT"));
        }
    };
    with_port(peer.map_err(|error| no_address(&error))?)
}

pub(crate) fn with_port(peer: Address) -> Result<Address, Failure> {
    match peer {
        Address::Tcp { port: 0, .. } => {
            Err(usage(format!("nothing can be sent to {peer}: 0 stands for any free port")))
        }
        peer => Ok(peer),
    }
}

fn no_address(error: &AddressError) -> Failure {
    let failure = usage(error.to_string());
    match error {
        AddressError::Port(_) => failure.hint("a port is a number from 0 to 65535"),
        AddressError::NoPort(host) => failure.hint(format!("write {host}:7879 or {host} 7879")),
        AddressError::Brackets(_) => failure.hint("write [::1]:7879 or ::1 7879"),
        _ => failure,
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, "usage", message)
}
