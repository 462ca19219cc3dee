//! Why the server could not start, and what to do about it.

use std::io;
use std::net::Ipv6Addr;
use std::path::Path;

use super::port_owner;
use crate::listener::{BindError, BindOptions};
use cli::{Exit, Failure};
use proto::Address;

/// What was asked for and could not be had.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// The program's name.
    pub program: &'a str,
    /// The option that names the port.
    pub option: &'a str,
    /// The port that it has by default.
    pub default_port: u16,
    /// Where it was to listen.
    pub address: &'a Address,
    /// And how.
    pub options: &'a BindOptions,
}

/// The error of binding, for a person.
pub fn explain(error: &BindError, refused: Refused<'_>) -> Failure {
    let Refused { program, option, default_port, address, .. } = refused;
    let failure = match (error, error.io()) {
        (BindError::PathInUse { .. }, _) => {
            Failure::new(Exit::Usage, "address_in_use", error.to_string())
        }
        (BindError::NotASocket { .. }, _) => {
            Failure::new(Exit::Usage, "not_a_socket", error.to_string())
        }
        (BindError::Resolve { host, .. }, Some(source)) => {
            let cause = source.to_string();
            // getaddrinfo(3)'s words, without Rust's.
            let cause = cause.rsplit("address information: ").next().unwrap_or(&cause);
            let message = format!("{error}: {}", cause.to_lowercase());
            return Failure::new(Exit::Usage, "unknown_host", message)
                .hint(format!("`getent hosts {host}` asks the same name service"));
        }
        (_, Some(source)) => Failure::from_io(Exit::Usage, &error.to_string(), source),
        (_, None) => Failure::new(Exit::Usage, "io", error.to_string()),
    };
    let kind = error.io().map(io::Error::kind);
    match (address, kind) {
        (Address::Tcp { host, port }, Some(io::ErrorKind::AddrInUse)) => {
            in_use(failure, host, *port, refused)
        }
        (Address::Tcp { port, .. }, Some(io::ErrorKind::PermissionDenied)) if *port < 1024 => {
            failure.hint(format!(
                "ports below 1024 are for root; any other needs no right: {option} {default_port}"
            ))
        }
        (Address::Tcp { .. }, Some(io::ErrorKind::AddrNotAvailable)) => {
            failure.hint("this machine has no such address; `ip addr` shows those that it has")
        }
        (Address::Tcp { host, port }, Some(io::ErrorKind::InvalidInput))
            if host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_unicast_link_local()) =>
        {
            failure.hint(format!(
                "a link-local address is one of each interface: [{host}%eth0]:{port} names it; \
                 `ip addr` shows those that there are"
            ))
        }
        (Address::Unix(path), kind) => no_socket(failure, path, kind, program),
        _ => failure,
    }
}

fn no_socket(failure: Failure, path: &Path, kind: Option<io::ErrorKind>, program: &str) -> Failure {
    // Where the file of the socket is made.
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    match kind {
        _ if failure.kind() == "address_in_use" => {
            failure.hint("stop that server, or listen at another path")
        }
        _ if failure.kind() == "not_a_socket" => {
            failure.hint("nothing but a socket that nobody listens on is removed")
        }
        Some(io::ErrorKind::NotFound) if !folder.exists() => {
            failure.hint(format!("there is no folder {}; mkdir -p makes it", folder.display()))
        }
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            failure.hint(format!(
                "the socket's file is made in {}, where you may not write; in /tmp everybody may: \
                 {program} unix:/tmp/{program}.sock",
                folder.display(),
            ))
        }
        _ => failure,
    }
}

fn in_use(failure: Failure, host: &str, port: u16, refused: Refused<'_>) -> Failure {
    let Refused { program, option, default_port, .. } = refused;
    let failure = match port_owner::find(port) {
        Some(owner) => failure.hint(format!(
            "pid {} ({}) has this port; stop it, or use another one: {program} {}",
            owner.pid,
            owner.name,
            Address::Tcp {
                host: host.to_owned(),
                port: if port < 65_535 { port + 1 } else { default_port }
            },
        )),
        None if !refused.options.reuse_addr => failure.hint(
            "connections of an earlier server may be in TIME_WAIT for a minute; where both servers \
             run without --no-reuse-addr they are no obstacle",
        ),
        None => failure.hint(
            "stop the program that has this port, or use another one; connections in TIME_WAIT \
             have it for a minute where the earlier server ran without SO_REUSEADDR",
        ),
    };
    failure.hint(format!("{option} 0 takes any free port and prints it"))
}
