//! Restarting at once: with SO_REUSEADDR connections in TIME_WAIT are no obstacle, without they are.

use std::io::Read as _;

use nix::sys::signal::Signal;
use tests::Running;

use crate::support::program::{Program, command};
use crate::support::{assert_echoes, connect};

#[test]
fn a_port_whose_connections_are_in_time_wait_is_refused_only_without_reuse() {
    let program = Program::start(&[]);
    let addr = program.addr.clone();
    let mut client = connect(&addr);
    assert_echoes(&mut client, "hello");
    // The server closes first, so TIME_WAIT is on its side.
    program.signal(Signal::SIGTERM);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    assert_eq!(program.wait().code, 0);

    let refused = Running::start(&mut command(&["--no-reuse-addr", &addr])).finish();
    refused.failed(2, "address already in use");
    assert!(refused.stderr.contains("without --no-reuse-addr"), "{}", refused.stderr);

    let program = Program::spawn(&mut command(&[&addr]));
    assert_eq!(program.addr, addr);
    assert_echoes(&mut connect(&addr), "again");
}
