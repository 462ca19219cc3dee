//! `--once` serves one connection and ends with it.

use std::io::Read as _;
use std::net::{Shutdown, TcpStream};

use crate::support::program::Program;
use crate::support::{assert_echoes, connect};

#[test]
fn it_serves_one_connection_and_exits() {
    let program = Program::start(&["--once"]);
    let addr = program.addr.clone();
    let mut client = connect(&addr);
    assert_echoes(&mut client, "hello");
    // It listens no more, so a second client is refused and not left waiting.
    TcpStream::connect(&addr).unwrap_err();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let left = program.wait();
    assert_eq!(left.code, 0, "{}", left.stderr);
    assert_eq!(left.names(), ["open", "closed", "end"]);
    assert_eq!(left.end()["served"], 1);
}
