//! The clients that everybody has: netcat, and ten lines of Python.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::program::Program;
use crate::support::skip;

/// Runs a client against `lines` and gives what it printed; `None` where it is not installed.
fn talk(client: impl FnOnce(&str, &str) -> Command) -> Option<String> {
    let program = Program::start(&["-m", "lines"]);
    let (host, port) = program.addr.rsplit_once(':').unwrap();
    let mut command = client(host, port);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        skip(&format!("{} is not installed", command.get_program().display()));
        return None;
    };
    child.stdin.take().unwrap().write_all("hello\n你好\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    program.event("open");
    assert_eq!(program.event("closed")["ending"], "PeerFin");
    Some(String::from_utf8(output.stdout).unwrap())
}

const ANSWERS: &str = "5 bytes, 5 characters: hello\n6 bytes, 2 characters: 你好\n";

#[test]
fn netcat() {
    let answers = talk(|host, port| {
        let mut nc = Command::new("nc");
        nc.args(["-N", "-w", "10", host, port]);
        nc
    });
    assert!(answers.is_none_or(|answers| answers == ANSWERS));
}

#[test]
fn ten_lines_of_python() {
    const SCRIPT: &str = "
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as s:
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
    while data := s.recv(1024):
        sys.stdout.buffer.write(data)
";
    let answers = talk(|host, port| {
        let mut python = Command::new("python3");
        python.args(["-c", SCRIPT, host, port]);
        python
    });
    assert!(answers.is_none_or(|answers| answers == ANSWERS));
}
