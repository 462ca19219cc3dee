//! Sockets that a service manager hands over (`sd_listen_fds(3)`), by a launcher that does what systemd does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;

use nix::sys::signal::Signal;
use tests::{Running, python};

use crate::support::program::Program;
use crate::support::way::fresh_path;
use crate::support::{assert_echoes, connect};

/// Makes sockets as it is told, puts them from descriptor 3 on, and becomes the program.
const LAUNCHER: &str = "
import os, socket, sys
kind, pid, path, program = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
def tcp():
    listener = socket.create_server(('127.0.0.1', 0))
    return listener
if kind == 'tcp': made = [tcp()]
elif kind == 'two': made = [tcp(), tcp()]
elif kind == 'udp':
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
elif kind == 'unbound': made = [socket.socket()]
elif kind == 'connection':
    made = [socket.socketpair()[0]]
elif kind == 'unix':
    made = [socket.socket(socket.AF_UNIX)]; made[0].bind(path); made[0].listen()
elif kind == 'file': made = [open('/dev/null')]
# Out of the way of the places where they go.
high = [os.dup2(one.fileno(), 100 + i) for i, one in enumerate(made)]
for i, fd in enumerate(high): os.dup2(fd, 3 + i); os.close(fd)
os.environ['LISTEN_FDS'] = str(len(made))
if pid: os.environ['LISTEN_PID'] = str(os.getpid()) if pid == 'ours' else pid
os.execv(program[0], program)
";

fn launch(kind: &str, pid: &str, path: &str, args: &[&str]) -> Option<Command> {
    let program = env!("CARGO_BIN_EXE_tcp-server");
    python(LAUNCHER, &[&[kind, pid, path, program], args].concat())
}

#[test]
fn a_tcp_socket_is_served() {
    let Some(mut command) = launch("tcp", "ours", "", &[]) else { return };
    let program = Program::spawn(&mut command);
    assert_echoes(&mut connect(&program.addr), "hello");
    // No program that this one might start gets it.
    let info = fs::read_to_string(format!("/proc/{}/fdinfo/3", program.pid())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    assert_eq!(flags & 0o2_000_000, 0o2_000_000, "O_CLOEXEC");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().code, 0);
}

/// The file of the socket is its owner's: it is there for the next start.
#[test]
fn a_unix_socket_is_served_and_its_file_stays() {
    let path = fresh_path("handed");
    let shown = path.to_str().unwrap();
    let Some(mut command) = launch("unix", "ours", shown, &[]) else { return };
    let program = Program::spawn(&mut command);
    assert_eq!(program.addr, format!("unix:{shown}"));
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"hello").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().code, 0);
    fs::remove_file(&path).unwrap();
}

/// They were for the program that started this one, or nobody says for whom they were.
#[test]
fn what_is_for_another_process_is_left_alone() {
    for pid in ["1", ""] {
        // An address beside a socket that was handed over would be refused.
        let Some(mut command) = launch("tcp", pid, "", &["-p", "0"]) else { return };
        let program = Program::spawn(&mut command);
        assert_echoes(&mut connect(&program.addr), "hello");
        program.signal(Signal::SIGTERM);
        assert_eq!(program.wait().code, 0);
    }
}

#[test]
fn what_is_no_listening_stream_is_refused_in_words() {
    for (kind, args, why) in [
        ("udp", &[][..], "what was handed over is no stream socket"),
        ("file", &[], "what was handed over is no stream socket"),
        ("connection", &[], "it is a connection already (Accept=yes)"),
        ("unbound", &[], "it is a connection already"),
        ("two", &[], "2 sockets were handed over, and one is served"),
        ("tcp", &[":7878"], "a socket was handed over (LISTEN_FDS), and an address was given too"),
    ] {
        let Some(mut command) = launch(kind, "ours", "", args) else { return };
        Running::start(&mut command).finish().failed(2, why);
    }
}
