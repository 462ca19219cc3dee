//! The client that most people begin with: a few lines of Python that connect, send, `recv(1024)`, and close.
//!
//! It asks once for each line of its input and prints what one `recv(1024)` gives. That is enough where an
//! answer is shorter than that and comes in one piece, which is what the server does for it.

use tests::foreign::python;
use tests::{Finished, Running, Server, piped, program};

/// As the tutorial has it, but for the limit on its patience.
const CLIENT: &str = "
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.settimeout(15)
client.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    client.send(line.encode('utf-8'))
    print(client.recv(1024).decode('utf-8'), end='')
client.close()
";

/// The same where the server speaks first.
const LISTENER: &str = "
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.settimeout(15)
client.connect((sys.argv[1], int(sys.argv[2])))
sys.stdout.buffer.write(client.recv(1024))
client.close()
";

/// The same with a frame around what it sends: 40 bytes before it, of which the first four count the rest.
const FRAMES: &str = "
import socket, struct, sys
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.settimeout(15)
client.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    text = line.encode('utf-8')
    client.send(struct.pack('>IB35x', 36 + len(text), 1) + text)
    print(client.recv(1024)[40:].decode('utf-8'), end='')
client.close()
";

/// Runs a client to its end; none where there is no Python.
fn run(script: &str, port: &str, input: &str) -> Option<Finished> {
    let mut client = python(script, &["127.0.0.1", port])?;
    let mut client = Running::start(client.env("PYTHONIOENCODING", "utf-8"));
    client.write(input.as_bytes());
    client.close_stdin();
    Some(client.finish())
}

#[track_caller]
fn check(args: &[&str], script: &str, input: &str, answer: &str, ending: &str) {
    let mut server = Server::start(args);
    // One after the other, as somebody does who tries it again.
    for _ in 0..3 {
        let Some(finished) = run(script, &server.port(), input) else { return };
        assert_eq!(finished.code, 0, "{args:?}: {}", finished.stderr);
        assert_eq!(String::from_utf8(finished.stdout).unwrap(), answer, "{args:?}");
        assert_eq!(server.take("closed")["ending"], ending, "{args:?}");
    }
}

#[test]
fn echo() {
    check(&["--mode", "echo"], CLIENT, "hello\n你好\n", "hello\n你好\n", "PeerFin");
}

#[test]
fn lines() {
    let answers = "5 bytes, 5 characters: hello\n6 bytes, 2 characters: 你好\n";
    check(&["--mode", "lines"], CLIENT, "hello\n你好\n", answers, "PeerFin");
}

#[test]
fn frames() {
    check(&["--mode", "frames"], FRAMES, "hello\n你好\n", "hello\n你好\n", "PeerFin");
}

/// It has read 1024 of many more, and closes with the rest unread: its system resets the connection.
#[test]
fn chargen() {
    let lines: String = (0..14).map(line_of_characters).collect();
    check(&["--mode", "chargen"], LISTENER, "", &lines[..1024], "PeerReset");
}

fn line_of_characters(number: u8) -> String {
    let line = (0..72).map(|at| char::from(b' ' + (number + at) % 95));
    line.chain("\r\n".chars()).collect()
}

/// Nothing is answered, so one only sends.
#[test]
fn discard() {
    const SENDER: &str = "
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))
client.send(sys.stdin.read().encode('utf-8'))
client.close()
";
    check(&["--mode", "discard"], SENDER, "你好\n", "", "PeerFin");
}

/// The person at the server answers each line, and the next client gets its turn.
#[test]
fn chat() {
    let mut server = Server::start(&["--mode", "chat"]);
    for _ in 0..2 {
        let Some(mut client) = python(CLIENT, &["127.0.0.1", &server.port()]) else { return };
        let mut client = Running::start(client.env("PYTHONIOENCODING", "utf-8"));
        for (said, answered) in [("hello\n", "and to you\n"), ("你好\n", "你也好\n")] {
            client.write(said.as_bytes());
            assert_eq!(server.take("said")["text"], said.trim_end());
            server.running.write(answered.as_bytes());
            client.stdout.wait_for(answered);
        }
        client.close_stdin();
        let finished = client.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert_eq!(server.take("closed")["ending"], "PeerFin");
    }
}

/// A server for one client: what `nc -l` would say to it.
#[test]
fn stdio() {
    let mut server =
        Running::start(&mut piped(program("tcp-server"), &["--port", "0", "--mode", "stdio"]));
    let line = server.stderr.line_with("listening on ");
    let port = line.rsplit(':').next().unwrap();
    let Some(mut client) = python(CLIENT, &["127.0.0.1", port]) else { return };
    let mut client = Running::start(client.env("PYTHONIOENCODING", "utf-8"));
    client.write("你好\n".as_bytes());
    server.stdout.wait_for("你好\n");
    server.write("你也好\n".as_bytes());
    client.stdout.wait_for("你也好\n");
    client.close_stdin();
    assert_eq!(client.finish().code, 0);
    // It goes on for as long as there may be something to send.
    server.close_stdin();
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(finished.stdout, "你好\n".as_bytes());
}
