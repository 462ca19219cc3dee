//! Why the server could not start, and what to do about it.

use std::io;

use cli::{Exit, Failure};
use proto::Address;
use tcp_server::BindError;

use crate::args::Args;
use crate::port_owner;

/// The error of binding to `address`, for a person.
pub(crate) fn explain(error: &BindError, address: &Address, args: &Args) -> Failure {
    let failure = match (error, error.io()) {
        (BindError::PathInUse { .. }, _) => {
            Failure::new(Exit::Usage, "address_in_use", error.to_string())
        }
        (BindError::NotASocket { .. }, _) => {
            Failure::new(Exit::Usage, "not_a_socket", error.to_string())
        }
        (BindError::Resolve { .. }, Some(source)) => {
            let cause = source.to_string();
            // getaddrinfo(3)'s words, without Rust's.
            let cause = cause.rsplit("address information: ").next().unwrap_or(&cause);
            let message = format!("{error}: {}", cause.to_lowercase());
            return Failure::new(Exit::Usage, "unknown_host", message);
        }
        (_, Some(source)) => Failure::from_io(Exit::Usage, &error.to_string(), source),
        (_, None) => Failure::new(Exit::Usage, "io", error.to_string()),
    };
    let kind = error.io().map(io::Error::kind);
    match (address, kind) {
        (Address::Tcp { host, port }, Some(io::ErrorKind::AddrInUse)) => {
            in_use(failure, host, *port, args)
        }
        (Address::Tcp { port, .. }, Some(io::ErrorKind::PermissionDenied)) if *port < 1024 => {
            failure.hint("ports below 1024 are for root; any other needs no right: --port 7878")
        }
        (Address::Tcp { .. }, Some(io::ErrorKind::AddrNotAvailable)) => {
            failure.hint("this machine has no such address; `ip addr` shows those that it has")
        }
        (Address::Unix(_), _) if failure.kind() == "address_in_use" => {
            failure.hint("stop that server, or listen at another path")
        }
        (Address::Unix(_), _) if failure.kind() == "not_a_socket" => {
            failure.hint("nothing but a socket that nobody listens on is removed")
        }
        _ => failure,
    }
}

fn in_use(failure: Failure, host: &str, port: u16, args: &Args) -> Failure {
    let failure = match port_owner::find(port) {
        Some(owner) => failure.hint(format!(
            "pid {} ({}) has this port; stop it, or use another one: tcp-server {}",
            owner.pid,
            owner.name,
            Address::Tcp {
                host: host.to_owned(),
                port: if port < 65_535 { port + 1 } else { 7878 }
            },
        )),
        None if args.no_reuse_addr => failure.hint(
            "connections of an earlier server may be in TIME_WAIT; without --no-reuse-addr they \
             are no obstacle",
        ),
        None => failure.hint("stop the program that has this port, or use another one"),
    };
    failure.hint("--port 0 takes any free port and prints it")
}
