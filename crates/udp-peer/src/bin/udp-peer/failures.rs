//! Errors in words: what was tried, on what, why it failed, and what to do.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use arq::End;
use cli::failure::io_words;
use cli::values::time_in_words;
use cli::{Exit, Failure};
use proto::{Address, Ending, sanitize};
use udp_peer::{Ended, ResolveError, SocketError};

use crate::args::Mode;

/// Why an address cannot be used.
pub(crate) fn of_address(error: &ResolveError) -> Failure {
    match error {
        ResolveError::Unix(address) => Failure::new(
            Exit::Usage,
            "unix",
            format!("udp-peer speaks UDP, and {address} is a Unix socket"),
        )
        .hint("write HOST:PORT; tcp-server and tcp-client take Unix sockets"),
        ResolveError::Lookup { host, source } => {
            // Rust's own words before those of the resolver say no more than ours.
            let why = io_words(source).to_lowercase();
            let why = why.strip_prefix("failed to lookup address information: ").unwrap_or(&why);
            Failure::new(Exit::Usage, "unknown_host", format!("cannot find host \"{host}\": {why}"))
                .hint(format!("`getent hosts {host}` asks the same name service"))
        }
        other => Failure::new(Exit::Usage, "address", other.to_string()),
    }
}

/// The two ends are of different families.
pub(crate) fn of_families(local: &Address, peer: &Address) -> Failure {
    let message = format!("{local} and {peer} are not both of IPv4 or of IPv6");
    Failure::new(Exit::Usage, "families", message)
        .hint("0.0.0.0 and [::] stand for every address of this machine of their family")
}

/// Why there is no socket.
pub(crate) fn of_socket(error: &SocketError, local: SocketAddr, mode: Mode) -> Failure {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let Some(source) = source else {
        return Failure::new(Exit::Failed, "io", error.to_string());
    };
    let failure = Failure::from_io(Exit::Usage, &error.to_string(), source);
    match (error, source.kind()) {
        (SocketError::Bind { addr, .. }, io::ErrorKind::AddrInUse) => {
            let port = addr.port();
            let any = match mode {
                Mode::Recv => "--port 0 takes any free port and prints it",
                _ => "port 0 takes any free port",
            };
            failure.hint(format!("`ss -ulnp sport = :{port}` shows who has the port")).hint(any)
        }
        (SocketError::Bind { .. }, io::ErrorKind::AddrNotAvailable) => {
            failure.hint("no interface here has this address; `ip address` lists those that are")
        }
        (SocketError::Bind { .. }, io::ErrorKind::PermissionDenied) => {
            failure.hint("ports below 1024 are for root")
        }
        (SocketError::Connect { .. }, io::ErrorKind::InvalidInput) if local.ip().is_loopback() => {
            let port = local.port();
            failure
                .and(&format!(" ({} reaches this machine only)", local.ip()))
                .hint(format!("0.0.0.0:{port} as the address of this end reaches others"))
        }
        _ => failure,
    }
}

/// Standard input cannot be read.
pub(crate) fn of_input(error: &io::Error) -> Failure {
    Failure::from_io(Exit::Failed, "cannot read standard input", error)
}

/// The socket has failed while it was used.
pub(crate) fn of_receiving(error: &io::Error) -> Failure {
    Failure::from_io(Exit::Failed, "cannot receive", error)
}

/// Fewer datagrams came than were waited for.
pub(crate) fn too_few(received: u64, wanted: u64, time: Duration) -> Failure {
    let message = format!("{received} of {wanted} datagrams within {}", time_in_words(time));
    Failure::new(Exit::TimeLimit, "timed_out", message).hint("-W 30s waits longer")
}

/// Lines were not sent, each of which was told.
pub(crate) fn not_sent(lines: u64) -> Failure {
    let message = match lines {
        1 => "1 line was not sent".to_owned(),
        _ => format!("{lines} lines were not sent"),
    };
    Failure::new(Exit::Failed, "not_sent", message)
}

/// Lines of which nobody knows whether they arrived, each of which was told.
pub(crate) fn unconfirmed(lines: usize) -> Failure {
    let message = match lines {
        1 => "1 line was not confirmed: it may have arrived or not".to_owned(),
        _ => format!("{lines} lines were not confirmed: they may have arrived or not"),
    };
    Failure::new(Exit::Failed, "unconfirmed", message)
}

/// The same, of a connection that has ended.
pub(crate) fn of_unconfirmed(peer: SocketAddr, ended: &Ended) -> Failure {
    let Ended { end, unconfirmed: lines } = ended;
    unconfirmed(*lines).and(&format!(" (the connection with {peer} ended: {})", of_end(end)))
}

/// How a connection ended, in words that are safe to show.
pub(crate) fn of_end(end: &End) -> String {
    match end {
        End::Closed => "we did not wait any longer".to_owned(),
        end => sanitize::line(&end.to_string()).into_owned(),
    }
}

/// The peer wants nothing of us.
pub(crate) fn refused_us(peer: SocketAddr, reason: &str) -> Failure {
    let message = format!("{peer} refuses us: {}", sanitize::line(reason));
    Failure::new(Exit::Failed, "refused", message)
        .hint("`udp-peer key` shows our key; the peer may remember another one for this address")
}

/// What came is nothing that this program says.
pub(crate) fn not_lines(peer: Option<SocketAddr>, ending: &Ending) -> Failure {
    let peer = peer.map_or_else(|| "the peer".to_owned(), |peer| peer.to_string());
    let message = format!("{peer} sends something else than lines: {ending}");
    Failure::new(Exit::Failed, "protocol", message)
}
