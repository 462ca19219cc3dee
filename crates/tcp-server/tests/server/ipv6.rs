//! IPv6 alone, and both families on one socket.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use tcp_server::{BindOptions, Closed, Config, Peer, modes::Echo};
use tests::Running;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::library::{Server, read_to_end};
use crate::support::program::{Program, command};
use crate::support::soon;

pub(crate) fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        tests::skip("this machine has no IPv6 loopback");
    }
    has
}

/// Talks to the server at `host` and the port it chose, and gives what it reported.
async fn talk(server: &mut Server, host: &str) -> std::io::Result<Closed> {
    let port = server.addr.rsplit(':').next().unwrap();
    let mut client = soon("connecting", TcpStream::connect(format!("{host}:{port}"))).await?;
    client.write_all(b"hello").await?;
    client.shutdown().await?;
    assert_eq!(read_to_end(&mut client).await, b"hello");
    Ok(server.closed().await)
}

#[track_caller]
fn assert_is(peer: &Peer, ip: impl Into<std::net::IpAddr>) {
    let Peer::Tcp(addr) = peer else { panic!("{peer}") };
    assert_eq!(addr.ip(), ip.into());
}

#[tokio::test]
async fn an_ipv6_address_is_served_and_printed_in_brackets() {
    if !has_ipv6() {
        return;
    }
    let options = BindOptions::default();
    let mut server = Server::start_at("[::1]:0", &options, Echo, Config::default()).await;
    assert!(server.addr.starts_with("[::1]:"), "{}", server.addr);
    let closed = talk(&mut server, "[::1]").await.unwrap();
    assert_is(&closed.peer, Ipv6Addr::LOCALHOST);
    assert!(closed.peer.to_string().starts_with("[::1]:"));
}

#[tokio::test]
async fn the_unspecified_address_takes_both_families_unless_told_otherwise() {
    if !has_ipv6() {
        return;
    }
    let options = BindOptions::default();
    let mut server = Server::start_at("[::]:0", &options, Echo, Config::default()).await;
    let closed = talk(&mut server, "127.0.0.1").await.unwrap();
    assert_is(&closed.peer, Ipv4Addr::LOCALHOST);
    assert_is(&talk(&mut server, "[::1]").await.unwrap().peer, Ipv6Addr::LOCALHOST);

    let options = BindOptions { only_v6: true, ..options };
    let mut server = Server::start_at("[::]:0", &options, Echo, Config::default()).await;
    talk(&mut server, "127.0.0.1").await.unwrap_err();
    talk(&mut server, "[::1]").await.unwrap();
}

#[tokio::test]
async fn a_name_is_resolved() {
    let options = BindOptions::default();
    let mut server = Server::start_at("localhost:0", &options, Echo, Config::default()).await;
    let host = server.addr.rsplit_once(':').unwrap().0.to_owned();
    talk(&mut server, &host).await.unwrap();
}

/// An address of IPv6 does not look as if IPv4 clients got in.
#[test]
fn that_both_families_are_served_is_said() {
    if !has_ipv6() {
        return;
    }
    for (address, both) in [("[::]:0", true), ("[::1]:0", false), ("0.0.0.0:0", false)] {
        let server = Program::spawn(&mut command(&[address]));
        assert_eq!(server.listening["dual_stack"] == true, both, "{address}");
        let mut server = Running::start(&mut command(&[address]));
        let line = server.stderr.line_with("listening on ");
        assert_eq!(line.contains(", for IPv6 and IPv4"), both, "{line}");
    }
}
