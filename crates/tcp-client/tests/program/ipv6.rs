//! IPv6, in each of the forms in which an address is written.

use std::io::Write as _;
use std::net::TcpListener;

use tests::skip;

use crate::support::{Peer, run};

#[test]
fn an_address_in_brackets_or_apart_is_reached() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return skip("no IPv6 on loopback") };
    let server = Peer::on(listener);
    let port = server.addr.port().to_string();
    for target in [&[&*format!("[::1]:{port}")][..], &["::1", &port], &["-6", "[::1]", &port]] {
        let serving = std::thread::scope(|scope| {
            scope.spawn(|| server.accept().write_all(b"hello from six").unwrap());
            run(target)
        });
        serving.silent();
        assert_eq!(serving.stdout, b"hello from six", "{target:?}");
    }
}

/// There is no such interface, and nothing else is wrong with it.
#[test]
fn a_zone_belongs_to_the_host() {
    for target in [&["fe80::1%nowhere", "7878"][..], &["[fe80::1%nowhere]:7878"]] {
        run(target).failed(2, "cannot find host \"fe80::1%nowhere\"");
    }
}

#[test]
fn a_family_that_the_host_has_not_is_refused() {
    let done = run(&["-6", "127.0.0.1:7878"]);
    done.failed(2, "cannot connect to 127.0.0.1:7878: it has no IPv6 address");
}
