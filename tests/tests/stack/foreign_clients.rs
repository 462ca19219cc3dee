//! `tcp-server` serves clients that we did not write, in every mode that answers or reads.

use std::io::Write as _;
use std::process::Command;
use std::thread;

use tests::foreign::{foreign, openbsd_netcat, python};
use tests::{Running, Server, noise, piped};

/// Sends standard input, says that nothing follows, and prints what comes back.
const PYTHON: &str = "
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=15) as s:
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
    while True:
        data = s.recv(1024)
        if not data:
            break
        sys.stdout.buffer.write(data)
";

/// A data frame with nothing but a payload. Its layout is written out here, not taken from our code: a
/// client that is not ours would do the same.
fn frame(payload: &[u8]) -> Vec<u8> {
    const HEADER: usize = 40;
    const DATA: u8 = 1;
    // The length counts what follows it.
    let length = u32::try_from(HEADER - 4 + payload.len()).unwrap();
    let mut frame = length.to_be_bytes().to_vec();
    frame.push(DATA);
    frame.resize(HEADER, 0);
    frame.extend_from_slice(payload);
    frame
}

/// Runs a client against every mode.
#[track_caller]
fn check(client: impl Fn(&str, &str) -> Option<Command>) {
    let frames = [frame("你好".as_bytes()), frame(b""), frame(&noise(100_000))].concat();
    let big = noise(1 << 20);
    let text = "hello\n你好\n".as_bytes();
    let lines = "5 bytes, 5 characters: hello\n6 bytes, 2 characters: 你好\n".as_bytes();
    for (mode, input, expected) in [
        ("echo", text, text),
        ("echo", &big[..], &big[..]),
        ("discard", text, b""),
        ("lines", text, lines),
        ("frames", &frames, &frames),
    ] {
        let mut server = Server::start(&["--mode", mode]);
        let Some(mut command) = client("127.0.0.1", &server.port()) else { return };
        let mut running = Running::start(&mut command);
        let (mut stdin, bytes) = (running.take_stdin(), input.to_vec());
        let typing = thread::spawn(move || stdin.write_all(&bytes).unwrap());
        let done = running.finish();
        typing.join().unwrap();
        assert_eq!(done.code, 0, "{mode}: {}", done.stderr);
        assert!(done.stdout == expected, "{mode}: {} bytes came", done.stdout.len());
        let closed = server.take("closed");
        assert_eq!(closed["ending"], "PeerFin", "{mode}: {closed}");
        assert_eq!(closed["received"], input.len(), "{mode}: {closed}");
        assert_eq!(closed["sent"], expected.len(), "{mode}: {closed}");
    }
}

#[test]
fn netcat_of_openbsd() {
    check(|host, port| Some(piped(openbsd_netcat()?, &["-N", host, port])));
}

#[test]
fn ncat() {
    check(|host, port| Some(piped(foreign("ncat")?, &[host, port])));
}

/// Without `-t` socat waits half a second for what comes after the end of its input.
#[test]
fn socat() {
    check(|host, port| {
        Some(piped(foreign("socat")?, &["-t", "15", "-", &format!("TCP:{host}:{port}")]))
    });
}

#[test]
fn ten_lines_of_python() {
    check(|host, port| python(PYTHON, &[host, port]));
}
