//! How an address is written: `HOST:PORT`, `:PORT`, `PORT`, `[::1]:PORT`, `unix:PATH`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use crate::limits::MAX_UNIX_PATH;

/// The host of an address that names none: this machine only.
pub const DEFAULT_HOST: &str = "127.0.0.1";

/// Where a program listens, or connects to.
///
/// ```
/// use proto::Address;
///
/// for (text, means) in [
///     ("localhost:7878", "localhost:7878"),
///     (":7878", "127.0.0.1:7878"),
///     ("7878", "127.0.0.1:7878"),
///     ("[::1]:7878", "[::1]:7878"),
///     ("unix:/run/sockeye.sock", "unix:/run/sockeye.sock"),
/// ] {
///     assert_eq!(text.parse::<Address>()?.to_string(), means);
/// }
/// # Ok::<(), proto::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A host, by name or number, and a port.
    Tcp {
        /// A name, an IPv4 address, or an IPv6 address without brackets.
        host: String,
        /// 0 lets the system choose where one listens.
        port: u16,
    },
    /// A Unix socket in the file system.
    Unix(PathBuf),
}

/// Why a text is not an address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// The port is not a number from 0 to 65535.
    #[error("\"{0}\" is not a port")]
    Port(String),
    /// A host without a port.
    #[error("\"{0}\" names no port")]
    NoPort(String),
    /// An IPv6 address outside brackets, of which nobody can say where its port begins.
    #[error("\"{0}\" is ambiguous: an IPv6 address stands in brackets before its port")]
    Brackets(String),
    /// An address of the web.
    #[error("\"{0}\" is a URL, and a host and its port are wanted")]
    Url(String),
    /// The host is empty, has a character that no host has, or is called `unix`: with a port it would be
    /// written as the path of a socket is. The name with a dot behind it, `unix.`, can be had.
    #[error("\"{0}\" is not a host")]
    Host(String),
    /// The path of a Unix socket is empty, has a NUL byte, or is too long for `sun_path`.
    #[error("\"{0}\" cannot be the path of a Unix socket (1 to {MAX_UNIX_PATH} bytes, no NUL)")]
    UnixPath(String),
}

impl Address {
    /// The address of `host` and `port` written apart, as `nc HOST PORT` takes them.
    pub fn from_host_and_port(host: &str, port: &str) -> Result<Self, AddressError> {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match bare {
            Some(ipv6) => Self::bracketed(ipv6, port),
            None if is_ipv6(host) => Self::bracketed(host, port),
            None => Self::named(host, port),
        }
    }

    fn bracketed(ipv6: &str, port: &str) -> Result<Self, AddressError> {
        // Whether there is such a zone (`fe80::1%eth0`) is for the resolver to judge.
        let (number, zone) = ipv6.split_once('%').unwrap_or((ipv6, ""));
        let legal = |c: char| c.is_ascii_graphic() && !matches!(c, '[' | ']');
        if number.parse::<Ipv6Addr>().is_err() || !zone.chars().all(legal) {
            return Err(AddressError::Host(ipv6.to_owned()));
        }
        Ok(Self::Tcp { host: ipv6.to_owned(), port: parse_port(port)? })
    }

    fn named(host: &str, port: &str) -> Result<Self, AddressError> {
        let port = parse_port(port)?;
        let host = if host.is_empty() { DEFAULT_HOST } else { host };
        let legal = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !host.chars().all(legal) || host == "unix" {
            return Err(AddressError::Host(host.to_owned()));
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() || path.len() > MAX_UNIX_PATH || path.contains('\0') {
                return Err(AddressError::UnixPath(path.to_owned()));
            }
            return Ok(Self::Unix(path.into()));
        }
        if let Some(rest) = text.strip_prefix('[') {
            return match rest.split_once("]:") {
                Some((ipv6, port)) => Self::bracketed(ipv6, port),
                None => Err(AddressError::NoPort(text.to_owned())),
            };
        }
        match text.split_once(':') {
            Some((_, rest)) if rest.starts_with("//") => Err(AddressError::Url(text.to_owned())),
            Some((_, rest)) if rest.contains(':') => Err(AddressError::Brackets(text.to_owned())),
            Some((host, port)) => Self::named(host, port),
            None if text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains('.') => {
                Self::named("", text)
            }
            None => Err(AddressError::NoPort(text.to_owned())),
        }
    }
}

/// Whether this is an IPv6 address, without brackets: with a zone (`fe80::1%eth0`), or without one.
pub fn is_ipv6(host: &str) -> bool {
    let number = host.split_once('%').map_or(host, |(number, _)| number);
    number.parse::<Ipv6Addr>().is_ok()
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        let host = match addr {
            // The zone of a link-local address belongs to it: without, it leads nowhere.
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => addr.ip().to_string(),
        };
        Self::Tcp { host, port: addr.port() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Whether only this machine can reach what listens there.
pub fn is_local(address: &Address) -> bool {
    match address {
        Address::Unix(_) => true,
        Address::Tcp { host, .. } => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    // `u16::from_str` takes "+80", which nobody means.
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits => Ok(port),
        _ => Err(AddressError::Port(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, AddressError>) {
        let parsed = text.parse::<Address>().map(|address| address.to_string());
        assert_eq!(parsed, expected.map(str::to_owned));
    }

    #[test]
    fn every_form_is_read() {
        check("example.org:80", Ok("example.org:80"));
        check("10.0.0.2:0", Ok("10.0.0.2:0"));
        check(":65535", Ok("127.0.0.1:65535"));
        check("7878", Ok("127.0.0.1:7878"));
        check("[2001:db8::1]:443", Ok("[2001:db8::1]:443"));
        check("[fe80::1%eth0]:443", Ok("[fe80::1%eth0]:443"));
        check("unix:relative/socket", Ok("unix:relative/socket"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_part_that_is_wrong() {
        check("7878x", Err(AddressError::Port("7878x".into())));
        check("host:65536", Err(AddressError::Port("65536".into())));
        check("host:+80", Err(AddressError::Port("+80".into())));
        check("host:-1", Err(AddressError::Port("-1".into())));
        check("host:", Err(AddressError::Port(String::new())));
        check("host", Err(AddressError::NoPort("host".into())));
        check("127.0.0.1", Err(AddressError::NoPort("127.0.0.1".into())));
        check("[::1]", Err(AddressError::NoPort("[::1]".into())));
        let url = "http://127.0.0.1:20030/";
        check(url, Err(AddressError::Url(url.into())));
        check("::1", Err(AddressError::Brackets("::1".into())));
        check("::1:7878", Err(AddressError::Brackets("::1:7878".into())));
        check("[zz]:1", Err(AddressError::Host("zz".into())));
        check("[::1%a\0b]:1", Err(AddressError::Host("::1%a\0b".into())));
        let two = Address::from_host_and_port("[::1%a]:1]", "1");
        assert_eq!(two, Err(AddressError::Host("::1%a]:1".into())));
        check("a b:1", Err(AddressError::Host("a b".into())));
        check("", Err(AddressError::NoPort(String::new())));
        check("unix:", Err(AddressError::UnixPath(String::new())));
        let long = "x".repeat(MAX_UNIX_PATH + 1);
        check(&format!("unix:{long}"), Err(AddressError::UnixPath(long)));
    }

    #[test]
    fn host_and_port_apart_are_the_same_addresses() {
        for (host, port, means) in [
            ("localhost", "80", "localhost:80"),
            ("::1", "80", "[::1]:80"),
            ("[::1]", "80", "[::1]:80"),
            ("fe80::1%eth0", "80", "[fe80::1%eth0]:80"),
        ] {
            let address = Address::from_host_and_port(host, port).unwrap();
            assert_eq!(address.to_string(), means);
        }
        assert!(Address::from_host_and_port("::1", "x").is_err());
        // It would be written as `unix:80`, which is a path.
        let refused = Err(AddressError::Host("unix".into()));
        assert_eq!(Address::from_host_and_port("unix", "80"), refused);
        assert!(Address::from_host_and_port("unix.", "80").is_ok());
    }

    #[test]
    fn a_socket_address_is_read_back_with_its_zone() {
        for text in ["10.0.0.2:80", "[fd00::2]:80", "[fe80::2%3]:80"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Address::from(address).to_string(), text);
            check(text, Ok(text));
        }
    }

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        for (text, local) in [
            (":1", true),
            ("[::1]:1", true),
            ("unix:x", true),
            ("0.0.0.0:1", false),
            ("h:1", false),
        ] {
            assert_eq!(is_local(&text.parse().unwrap()), local, "{text}");
        }
    }
}
