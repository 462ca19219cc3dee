//! How to connect.

use std::fmt;
use std::net::IpAddr;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use crate::limits::CONNECT_TIMEOUT;

/// How to connect. What concerns IP alone is without effect on a Unix socket.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// How long one attempt may take, the look-up of the name and all its addresses together; `None`
    /// leaves it to the kernel.
    pub timeout: Option<Duration>,
    /// Take only addresses of this family.
    pub family: Option<Family>,
    /// The address to connect from. It settles the family too.
    pub source: Option<IpAddr>,
    /// The port to connect from; 0 lets the kernel choose.
    pub source_port: u16,
    /// Whether a host may be a name. Off, nothing is ever asked of a name service.
    pub names: bool,
    /// Send small writes at once rather than gather them while an acknowledgement is out
    /// (`TCP_NODELAY`). Whoever types a line wants it sent, and large writes do not differ.
    pub nodelay: bool,
    /// Give the peer up when what was sent is not acknowledged for so long, or when it has no room for
    /// so long (`TCP_USER_TIMEOUT`, RFC 5482). `None` leaves it to the kernel, which tries for about a
    /// quarter of an hour. Linux only; elsewhere to ask for it fails the attempt.
    pub user_timeout: Option<Duration>,
    /// Come to an agreement on TLS, within the same time. `None` is a plain connection.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<tls::Client>>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: Some(CONNECT_TIMEOUT),
            family: None,
            source: None,
            source_port: 0,
            names: true,
            nodelay: true,
            user_timeout: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}
