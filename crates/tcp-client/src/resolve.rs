//! From a host to its addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::lookup_host;
use tracing::debug;

use crate::connect::{Cause, ConnectOptions, Family};

/// The addresses of `host` that the options leave, in the resolver's order; never none.
pub(crate) async fn addresses(
    host: &str,
    port: u16,
    options: &ConnectOptions,
) -> Result<Vec<SocketAddr>, Cause> {
    let all = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) if !options.names && !has_zone(host) => return Err(Cause::NameNotAllowed),
        Err(_) => lookup_host((host, port)).await.map_err(Cause::Lookup)?.collect(),
    };
    debug!(host, addresses = ?all, "looked up");
    if all.is_empty() {
        return Err(Cause::Lookup(io::ErrorKind::NotFound.into()));
    }
    let wanted = options.family.or(options.source.map(Family::of));
    let Some(wanted) = wanted else { return Ok(all) };
    let fitting: Vec<_> = all.into_iter().filter(|addr| Family::of(addr.ip()) == wanted).collect();
    if fitting.is_empty() { Err(Cause::NoAddress(wanted)) } else { Ok(fitting) }
}

/// A number with a zone (`fe80::1%eth0`): the resolver reads it without asking anybody.
fn has_zone(host: &str) -> bool {
    host.split_once('%').is_some_and(|(number, _zone)| number.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(host: &str, options: &ConnectOptions) -> Result<Vec<String>, String> {
        let found = addresses(host, 7, options).await;
        found
            .map(|all| all.iter().map(ToString::to_string).collect())
            .map_err(|cause| cause.to_string())
    }

    #[tokio::test]
    async fn numbers_need_no_name_service() {
        let options = ConnectOptions { names: false, ..ConnectOptions::default() };
        assert_eq!(found("127.0.0.1", &options).await, Ok(vec!["127.0.0.1:7".into()]));
        assert_eq!(found("::1", &options).await, Ok(vec!["[::1]:7".into()]));
        assert_eq!(found("fe80::1%1", &options).await, Ok(vec!["[fe80::1%1]:7".into()]));
        assert!(found("localhost", &options).await.unwrap_err().contains("is a name"));
    }

    #[tokio::test]
    async fn the_family_and_the_source_choose_among_the_addresses() {
        let v6 = ConnectOptions { family: Some(Family::V6), ..ConnectOptions::default() };
        assert_eq!(found("127.0.0.1", &v6).await, Err("it has no IPv6 address".into()));
        let from_v4 =
            ConnectOptions { source: Some([127, 0, 0, 1].into()), ..ConnectOptions::default() };
        assert_eq!(found("::1", &from_v4).await, Err("it has no IPv4 address".into()));
        assert_eq!(found("127.0.0.1", &from_v4).await, Ok(vec!["127.0.0.1:7".into()]));
    }
}
