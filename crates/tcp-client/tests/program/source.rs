//! Where it connects from: `--source`, `--source-port`.

use crate::support::{Peer, run, start, unused_port};

#[test]
fn the_address_and_the_port_are_those_that_were_asked_for() {
    let server = Peer::listen();
    let (bound, addr) = unused_port();
    drop(bound);
    let port = addr.port().to_string();
    let mut client = start(&["-s", "127.0.0.2", "--source-port", &port, &server.target()]);
    let peer = server.accept();
    assert_eq!(peer.peer_addr().unwrap(), format!("127.0.0.2:{port}").parse().unwrap());
    drop(peer);
    client.close_stdin();
    client.finish().silent();
}

#[test]
fn an_address_of_somebody_else_is_refused() {
    let done = run(&["-s", "192.0.2.1", "127.0.0.1:7878"]);
    done.failed(2, "cannot connect from 192.0.2.1:0: cannot assign requested address");
}

#[test]
fn a_port_in_use_is_refused() {
    let server = Peer::listen();
    let taken = Peer::listen();
    let done = run(&["--source-port", &taken.addr.port().to_string(), &server.target()]);
    done.failed(2, "address already in use");
}

#[test]
fn families_that_do_not_fit_are_refused() {
    run(&["-s", "127.0.0.1", "[::1]:7878"]).failed(2, "it has no IPv4 address");
    run(&["-6", "-s", "127.0.0.1", "localhost:7878"]).failed(2, "127.0.0.1 is no IPv6 address");
}

/// A connect to a free port of the range from which the kernel picks source ports can meet itself: both
/// SYNs cross, and the socket is connected to itself. With `--retry` that is a matter of time.
#[test]
fn a_socket_that_meets_itself_is_no_connection() {
    let (bound, addr) = unused_port();
    drop(bound);
    let port = addr.port().to_string();
    let done = run(&["-s", "127.0.0.1", "--source-port", &port, "--json", "127.0.0.1", &port]);
    done.failed(1, "nothing listens there, the socket met itself");
    assert_eq!(done.end()["error"]["kind"], "connected_to_itself");
}
