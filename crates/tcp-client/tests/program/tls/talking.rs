//! What arrives over TLS, and how it ends.

use std::io::Write as _;

use tests::{Authority, foreign, noise};

use super::{Home, LATE, NAMES, Theirs, pin_of};
use crate::support::Running;

/// Answers and is gone, without a word that it is the end.
const CUT: &str = "
def serve(tls):
    tls.sendall(b'a part')
    raw = socket.socket(fileno=tls.detach())
    raw.shutdown(socket.SHUT_WR)
    raw.recv(65536)
    raw.close()
";

/// Sends back what comes.
const ECHO: &str = "
def serve(tls):
    while part := tls.recv(65536): tls.sendall(part)
    tls.unwrap().close()
";

/// Closes the first connection at once, as a server may that is starting.
const SECOND_TIME: &str = "
before = []
def serve(tls):
    tls.sendall(b'welcome')
    tls.unwrap().close()
class Listener:
    def __init__(self, inner): self.inner = inner
    def getsockname(self): return self.inner.getsockname()
    def accept(self):
        while True:
            raw, peer = self.inner.accept()
            if before: return raw, peer
            before.append(1); raw.close()
import socket
create = socket.create_server
socket.create_server = lambda *args: Listener(create(*args))
";

/// The server died, or somebody on the way sent its FIN: what came is shown, and is not taken for the whole.
#[test]
fn an_end_without_a_word_is_told_from_an_end() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let ca = &authority.file();
    let Some(server) = Theirs::start(CUT, &file, "") else { return };
    let done = home.run(&["--tls-ca", ca, "--json", &server.addr], b"");
    done.failed(1, "ended without close_notify after 0 bytes sent, 6 bytes received");
    let end = done.end();
    assert_eq!((&end["ending"], &end["error"]["kind"]), (&"Tls".into(), &"cut_off".into()));
}

#[test]
fn openssl_gets_every_byte_and_the_end() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(openssl) = foreign("openssl") else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let args = [
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            &file,
            "-naccept",
            "1",
            "-rev",
            version,
        ];
        let mut server = Running::start(&mut tests::piped(&openssl, &args));
        let line = server.stdout.line_with("ACCEPT");
        let addr = line.trim().trim_start_matches("ACCEPT ");
        let done = home.run(&["--tls-ca", &authority.file(), addr], b"hello\n");
        assert_eq!((done.code, done.stdout_text()), (0, "olleh\n"), "{version} {done:?}");
        server.stdout.wait_for("1 server accepts that finished");
    }
}

/// Several megabytes, so that both directions are full at times.
#[test]
fn many_bytes_arrive_as_they_were_sent() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(server) = Theirs::start(ECHO, &file, "") else { return };
    let sent = noise(5_000_000);
    let mut client =
        Running::start(&mut home.client(&["--tls-ca", &authority.file(), &server.addr]));
    let mut stdin = client.take_stdin();
    let input = sent.clone();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let done = client.finish();
    writing.join().unwrap().unwrap();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout == sent, "{} bytes came back", done.stdout.len());
}

#[test]
fn the_check_of_a_port_shakes_hands_and_says_goodbye() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(pin) = pin_of(&file) else { return };
    let Some(mut server) = Theirs::start(LATE, &file, "") else { return };
    let done = home.run(&["-z", "--tls-pin", &pin, &server.addr], b"");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(
        done.stdout_text().ends_with(&format!(", TLS 1.3 by the certificate {pin}\n")),
        "{done:?}"
    );
    // It came to its end, and was not cut off.
    server.running.stdout.wait_for("got 0\n");
}

/// A server that is starting refuses at first, or closes in the middle.
#[test]
fn a_server_that_is_starting_is_tried_again() {
    let (authority, home) = (Authority::new(), Home::new());
    let file = authority.sign("a.pem", NAMES);
    let Some(server) = Theirs::start(SECOND_TIME, &file, "") else { return };
    let args = ["--tls-ca", &authority.file(), "-r", "5", "--retry-delay", "10ms", &server.addr];
    let done = home.run(&args, b"");
    assert_eq!((done.code, done.stdout_text()), (0, "welcome"), "{done:?}");
}
