//! From an address as it is written to those of the kernel.

use std::io;
use std::net::{IpAddr, SocketAddr};

use proto::Address;
use thiserror::Error;
use tokio::net::lookup_host;

/// Why an address as it is written stands for none of the kernel.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A Unix socket, which these sockets do not speak yet.
    #[error("{0} is a Unix socket, and only UDP is spoken here")]
    Unix(Address),
    /// The name service does not know the host.
    #[error("cannot find host \"{host}\"")]
    Lookup {
        /// The name.
        host: String,
        /// What the name service said.
        source: io::Error,
    },
}

/// The addresses of the kernel that an address as it is written stands for, in the resolver's order;
/// never none.
pub async fn addresses(address: &Address) -> Result<Vec<SocketAddr>, ResolveError> {
    let Address::Tcp { host, port } = address else {
        return Err(ResolveError::Unix(address.clone()));
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, *port)]);
    }
    let failed = |source| ResolveError::Lookup { host: host.clone(), source };
    let found: Vec<_> = lookup_host((host.as_str(), *port)).await.map_err(failed)?.collect();
    if found.is_empty() { Err(failed(io::ErrorKind::NotFound.into())) } else { Ok(found) }
}
