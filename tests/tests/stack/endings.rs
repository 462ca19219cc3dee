//! The server's word on how a connection ended is what the peer did.

use nix::sys::signal::Signal;
use serde_json::Value;
use tests::foreign::python;
use tests::{Running, Server, piped, program};

/// Starts a client of ours, and waits until it has got its echo.
fn served(server: &Server, options: &[&str]) -> Running {
    let args = [&[server.addr()], options].concat();
    let mut client = Running::start(&mut piped(program("tcp-client"), &args));
    client.write(b"hello\n");
    client.stdout.wait_for("hello\n");
    client
}

#[track_caller]
fn check(closed: &Value, ending: &str, detail: &str) {
    assert_eq!(closed["ending"], ending, "{closed}");
    assert!(closed["detail"].as_str().unwrap().contains(detail), "{closed}");
    assert_eq!((&closed["received"], &closed["sent"]), (&6.into(), &6.into()), "{closed}");
}

#[test]
fn a_client_that_has_finished() {
    let mut server = Server::start(&[]);
    let mut client = served(&server, &[]);
    client.close_stdin();
    client.finish().silent();
    check(&server.take("closed"), "PeerFin", "FIN");
}

#[test]
fn a_client_that_is_killed_with_nothing_unread() {
    let mut server = Server::start(&[]);
    served(&server, &[]).signal(Signal::SIGKILL);
    check(&server.take("closed"), "PeerFin", "FIN");
}

#[test]
fn a_client_that_closes_with_a_reset() {
    let mut server = Server::start(&[]);
    let mut client = served(&server, &["--on-eof", "close", "--on-close", "reset"]);
    client.close_stdin();
    client.finish().silent();
    check(&server.take("closed"), "PeerReset", "RST");
}

/// The echo lies in its socket when it dies: the kernel tells the peer that bytes were lost.
#[test]
fn a_client_that_is_killed_with_something_unread() {
    const SCRIPT: &str = "
import select, socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=15)
s.sendall(b'hello\\n')
select.select([s], [], [], 15)
print('unread')
time.sleep(60)
";
    let mut server = Server::start(&[]);
    let Some(mut command) = python(SCRIPT, &["127.0.0.1", &server.port()]) else { return };
    let mut client = Running::start(&mut command);
    client.stdout.wait_for("unread");
    client.signal(Signal::SIGKILL);
    check(&server.take("closed"), "PeerReset", "RST");
}
