//! A client that dies in the middle takes nobody with it.

use nix::sys::signal::Signal;
use tests::{Running, Server, piped, program};

/// Sends a line and waits for its echo.
#[track_caller]
fn echo(client: &mut Running, line: &str) {
    client.write(line.as_bytes());
    client.stdout.wait_for(line);
}

#[test]
fn the_others_are_served_before_and_after() {
    let mut server = Server::start(&["--mode", "echo"]);
    let start = || Running::start(&mut piped(program("tcp-client"), &[server.addr()]));
    let mut clients: Vec<_> = (0..4).map(|_| start()).collect();
    for client in &mut clients {
        echo(client, "before\n");
    }
    let victim = clients.remove(1);
    victim.signal(Signal::SIGKILL);
    assert_eq!(victim.finish().signal, Some(Signal::SIGKILL as i32));
    let closed = server.take("closed");
    // The kernel closes what a dead process held, in order, because nothing was unread.
    assert_eq!((&closed["ending"], &closed["received"]), (&"PeerFin".into(), &7.into()));
    for client in &mut clients {
        echo(client, "after\n");
    }
    for mut client in clients {
        client.close_stdin();
        client.finish().silent();
        assert_eq!(server.take("closed")["received"], 13);
    }
}
