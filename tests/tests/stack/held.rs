//! `tcp-server --mode hold` with a client that is not ours: accepted only when it is told to.

use nix::sys::signal::Signal;
use tests::foreign::openbsd_netcat;
use tests::{Running, Server, piped};

#[test]
fn netcat_is_accepted_for_a_line_and_kept_until_it_is_gone() {
    let Some(nc) = openbsd_netcat() else { return };
    let mut server = Server::start(&["--mode", "hold"]);
    let mut client = Running::start(&mut piped(nc, &["-v", "127.0.0.1", &server.port()]));
    // The kernel has completed the handshake: for the client the connection is there.
    client.stderr.wait_for("succeeded");
    client.write(b"nobody reads this");
    server.running.write(b"\n");
    let open = server.take("open");
    client.signal(Signal::SIGKILL);
    let closed = server.take_of("closed", &open["conn"]);
    assert_eq!((&closed["ending"], &closed["received"]), (&"PeerFin".into(), &0.into()));
}
