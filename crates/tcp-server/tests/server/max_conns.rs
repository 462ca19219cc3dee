//! Who finds the server full waits, and gets in when a chair comes free.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use crate::support::program::Program;
use crate::support::{assert_echoes, connect};

#[test]
fn a_waiting_client_is_served_when_one_leaves() {
    let mut program = Program::start(&["--max-conns", "2"]);
    let mut first = connect(&program.addr);
    assert_echoes(&mut first, "first");
    let mut second = connect(&program.addr);
    assert_echoes(&mut second, "second");

    // The kernel completes the handshake and keeps what the client says.
    let mut third = connect(&program.addr);
    third.write_all(b"third").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    third.read(&mut [0; 5]).unwrap_err();

    drop(first);
    third.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let mut answer = [0; 5];
    third.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"third");
    assert_echoes(&mut second, "still served");

    program.event("open");
    program.event("open");
    // The end is told before the next client is let in.
    assert_eq!(program.event("closed")["conn"], 1);
    assert_eq!(program.event("open")["conn"], 3);
}
