//! How does one connect to a server, and who can?

use proto::Address;

use crate::program::Secured;

/// The commands with which one connects to `address`: with a program that one has already, and with
/// `client`, which is `tcp-client` or a command of it.
///
/// Over TLS the two have no room beside each other; the second one then comes behind `next_line`.
pub fn ways_to_connect(
    address: &Address,
    tls: Option<&Secured>,
    client: &str,
    next_line: &str,
) -> String {
    let options = tls.map(|tls| format!("{} ", tls.client_options())).unwrap_or_default();
    let (theirs, place) = match address {
        Address::Tcp { host, port } => {
            let host = match host.as_str() {
                "0.0.0.0" => "127.0.0.1",
                "::" => "::1",
                host => host,
            };
            let theirs = match tls {
                None => format!("nc {host} {port}"),
                Some(_) if host.contains(':') => {
                    format!("openssl s_client -quiet -connect '[{host}]:{port}'")
                }
                Some(_) => format!("openssl s_client -quiet -connect {host}:{port}"),
            };
            (theirs, format!("{host} {port}"))
        }
        Address::Unix(path) => {
            let path = path.display();
            let theirs = match tls {
                None => format!("nc -U {path}"),
                Some(_) => format!("openssl s_client -quiet -unix {path}"),
            };
            (theirs, address.to_string())
        }
    };
    let between = if tls.is_some() { next_line } else { "      or      " };
    format!("{theirs}{between}{client} {options}{place}")
}

/// Who can connect to a server that other machines reach.
pub fn who_from_elsewhere(tls: Option<&Secured>) -> &'static str {
    match tls {
        None => "every machine that reaches this one can connect, without password or encryption",
        Some(tls) if tls.wants_certificates() => {
            "every machine that reaches this one can connect if it has a certificate"
        }
        Some(_) => "every machine that reaches this one can connect, encrypted, without password",
    }
}
