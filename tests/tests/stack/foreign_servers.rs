//! `tcp-client` talks to servers that we did not write.

use std::path::PathBuf;

use tests::foreign::{foreign, openbsd_netcat, python};
use tests::{Finished, Running, piped, program};

/// Runs the client on this input, against a server that answers when it has seen the end of it.
#[track_caller]
fn ask(args: &[&str], input: &str) -> Finished {
    let mut client = Running::start(&mut piped(program("tcp-client"), args));
    client.write(input.as_bytes());
    client.close_stdin();
    client.finish()
}

/// The port at the end of a line such as `Listening on localhost 40513`.
#[track_caller]
fn port_told(server: &mut Running, line: &str) -> String {
    let line = server.stderr.line_with(line);
    line.rsplit([' ', ':']).next().unwrap().to_owned()
}

/// Both type in turn, each sees what the other says, and the server's FIN ends the client, whose input is
/// still open.
#[track_caller]
fn converse(mut server: Running, args: &[&str]) {
    let mut client = Running::start(&mut piped(program("tcp-client"), args));
    client.write("你好\n".as_bytes());
    server.stdout.wait_for("你好\n");
    server.write("再见\n".as_bytes());
    client.stdout.wait_for("再见\n");
    server.close_stdin();
    let done = client.finish();
    done.silent();
    assert_eq!(done.stdout, "再见\n".as_bytes());
    assert_eq!(server.finish().stdout, "你好\n".as_bytes());
}

#[test]
fn netcat_of_openbsd() {
    let Some(nc) = openbsd_netcat() else { return };
    let mut server = Running::start(&mut piped(nc, &["-v", "-N", "-l", "127.0.0.1", "0"]));
    let port = port_told(&mut server, "Listening on ");
    converse(server, &["127.0.0.1", &port]);
}

#[test]
fn socat() {
    let Some(socat) = foreign("socat") else { return };
    let args = ["-d", "-d", "-t", "15", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"];
    let mut server = Running::start(&mut piped(socat, &args));
    let port = port_told(&mut server, "listening on ");
    let done = ask(&["127.0.0.1", &port], "through socat and cat\n");
    done.silent();
    assert_eq!(done.stdout, b"through socat and cat\n");
    assert_eq!(server.finish().code, 0);
}

/// A path of its own, removed at the end.
struct SocketPath(PathBuf);

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// ncat tells no port that the kernel chose, so it listens on a Unix socket, and comes when it likes.
#[test]
fn ncat_on_a_unix_socket() {
    let Some(ncat) = foreign("ncat") else { return };
    let name = format!("sockeye-ncat-{}.sock", std::process::id());
    let path = SocketPath(std::env::temp_dir().join(name));
    let path = path.0.to_str().unwrap();
    let server = Running::start(&mut piped(ncat, &["--listen", "--unixsock", path]));
    converse(server, &["--retry", "1000", "--retry-delay", "20ms", &format!("unix:{path}")]);
}

#[test]
fn ten_lines_of_python() {
    const SCRIPT: &str = "
import socket, sys
with socket.create_server(('127.0.0.1', 0)) as listener:
    print(listener.getsockname()[1])
    peer, _ = listener.accept()
    with peer:
        request = b''
        while data := peer.recv(1024):
            request += data
        peer.sendall(request.decode().upper().encode())
";
    let Some(mut command) = python(SCRIPT, &[]) else { return };
    let mut server = Running::start(&mut command);
    let port = server.stdout.line_with("");
    let done = ask(&["--json", "127.0.0.1", &port], "grüße, 你好");
    done.silent();
    let end = done.end();
    assert_eq!((&end["ending"], &end["sent"]), (&"PeerFin".into(), &15.into()));
    assert_eq!(done.events()[1]["text"], "GRÜSSE, 你好");
    assert_eq!(server.finish().code, 0);
}
