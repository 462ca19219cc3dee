//! What whoever listens is told first: how the other end is started.

use std::net::SocketAddr;

use proto::address::is_local;

use super::shown;

pub(super) fn how_to_send(local: SocketAddr) -> String {
    let (addr, port, ip) = (shown(local), local.port(), ip_here(local));
    let all = if local.is_ipv4() { "0.0.0.0" } else { "[::]" };
    let who = if is_local(&local.into()) {
        format!("only this machine can send to it (udp-peer recv {all}:{port} lets others)")
    } else {
        "every machine that reaches this one can send to it, under any address".to_owned()
    };
    format!(
        "{addr}\n  try it:  udp-peer send {ip} {port}      or      nc -u {ip} {port}\n  {who}.  Ctrl-C stops."
    )
}

pub(super) fn how_to_send_reliably(local: SocketAddr) -> String {
    let (addr, port, ip) = (shown(local), local.port(), ip_here(local));
    let all = if local.is_ipv4() { "0.0.0.0" } else { "[::]" };
    let who = if is_local(&local.into()) {
        format!(
            "only this machine can send to it (udp-peer recv --reliable {all}:{port} lets others)"
        )
    } else {
        "every machine that reaches this one can send to it".to_owned()
    };
    format!("{addr}\n  try it:  udp-peer send --reliable {ip} {port}\n  {who}.  Ctrl-C stops.")
}

pub(super) fn how_to_send_files(local: SocketAddr) -> String {
    let addr = shown(local);
    let to = match local.ip() {
        ip if ip.is_unspecified() => format!("THIS-HOST:{}", local.port()),
        _ => addr.clone(),
    };
    format!("{addr}\n  to send here:  udp-peer send-file PATH... --to {to}\n  Ctrl-C stops.")
}

/// An address of this machine by which it is reached from here.
pub(super) fn ip_here(local: SocketAddr) -> String {
    match local.ip().to_canonical() {
        ip if !ip.is_unspecified() => ip.to_string(),
        ip if ip.is_ipv6() => "::1".to_owned(),
        _ => "127.0.0.1".to_owned(),
    }
}
