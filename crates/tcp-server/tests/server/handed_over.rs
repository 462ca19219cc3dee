//! Sockets that a service manager hands over (`sd_listen_fds(3)`), by a launcher that does what systemd does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use tests::{Running, python};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::ipv6::has_ipv6;
use crate::support::program::Program;
use crate::support::way::{Way, certificate_file, fresh_path};
use crate::support::{PATIENCE, assert_echoes, connect, soon};

/// Makes sockets as it is told, puts them from descriptor 3 on, and becomes the program. One is put in the
/// place of another where that is no socket.
const LAUNCHER: &str = "
import os, socket, sys
kinds, pid, path, program = sys.argv[1].split(','), sys.argv[2], sys.argv[3], sys.argv[4:]
def make(kind):
    if kind == 'tcp': return socket.create_server(('127.0.0.1', 0))
    if kind == 'tcp6': return socket.create_server(('::1', 0), family=socket.AF_INET6)
    if kind == 'all': return socket.create_server(('0.0.0.0', 0))
    if kind == 'udp': return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if kind == 'unbound': return socket.socket()
    if kind == 'connection': return socket.socketpair()[0]
    if kind == 'file': return open('/dev/null')
    one = socket.socket(socket.AF_UNIX); one.bind(path); one.listen(); return one
made = [make(kind) for kind in kinds]
# Out of the way of the places where they go.
high = [os.dup2(one.fileno(), 100 + i) for i, one in enumerate(made)]
for i, fd in enumerate(high): os.dup2(fd, 3 + i); os.close(fd)
os.environ['LISTEN_FDS'] = os.environ.get('FDS') or str(len(made))
if pid: os.environ['LISTEN_PID'] = str(os.getpid()) if pid == 'ours' else pid
os.execv(program[0], program)
";

fn launch(kinds: &str, pid: &str, path: &str, args: &[&str]) -> Option<Command> {
    let program = env!("CARGO_BIN_EXE_tcp-server");
    python(LAUNCHER, &[&[kinds, pid, path, program], args].concat())
}

/// Whether the kernel closes a descriptor of the program where that becomes another one.
fn is_closed_on_exec(program: &Program, descriptor: usize) -> bool {
    let info = format!("/proc/{}/fdinfo/{descriptor}", program.pid());
    let info = fs::read_to_string(info).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    u32::from_str_radix(flags.trim(), 8).unwrap() & 0o2_000_000 != 0
}

#[test]
fn a_tcp_socket_is_served() {
    let Some(mut command) = launch("tcp", "ours", "", &[]) else { return };
    let program = Program::spawn(&mut command);
    assert_echoes(&mut connect(&program.addr), "hello");
    assert!(program.listening.get("backlog").is_none(), "nobody has told: {}", program.listening);
    // No program that this one might start gets it.
    assert!(is_closed_on_exec(&program, 3));
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

/// TCP of both families and a Unix socket: each is told of with its name, and all are served, over TLS as
/// well.
#[tokio::test(flavor = "multi_thread")]
async fn several_sockets_of_mixed_kinds_are_one_server() {
    if !has_ipv6() {
        return;
    }
    for way in [Way::Tcp, Way::Tls] {
        let path = fresh_path("handed");
        let certificate = way.is_tls().then(certificate_file);
        let mut args = vec!["-m", "lines"];
        if let Some(file) = &certificate {
            args.extend(["--cert", file, "--key", file]);
        }
        let kinds = "tcp,tcp6,unix,tcp";
        let Some(mut command) = launch(kinds, "ours", path.to_str().unwrap(), &args) else {
            return;
        };
        command.env("LISTEN_FDNAMES", "web:web6:local:unknown");
        let mut program = Program::spawn(&mut command);
        let mut listening = vec![program.listening.clone()];
        listening.extend((1..4).map(|_| program.event("listening")));
        let of = |name: &str| -> Vec<String> {
            let all = listening.iter().map(|event| event[name].as_str().unwrap_or("").to_owned());
            all.collect()
        };
        assert_eq!(of("name"), ["web", "web6", "local", ""]);
        assert_eq!(of("schema"), ["tcp-server/1", "", "", ""]);
        assert!(listening.iter().all(|event| event["tls"].is_object() == way.is_tls()));
        let addresses = of("addr");
        assert!(addresses[0].starts_with("127.0.0.1:"), "{addresses:?}");
        assert!(addresses[1].starts_with("[::1]:"), "{addresses:?}");
        assert_eq!(addresses[2], format!("unix:{}", path.display()));
        assert!((3..7).all(|descriptor| is_closed_on_exec(&program, descriptor)));

        let mut clients = Vec::new();
        // Not in the order in which they are asked.
        for (number, address) in addresses.iter().rev().enumerate() {
            let mut client = way.dial(address).await.stream;
            client.write_all(b"hello\n").await.unwrap();
            let answer = line(&mut client).await;
            assert_eq!(answer, "5 bytes, 5 characters: hello", "{address}");
            assert_eq!(program.event("open")["conn"], number + 1);
            clients.push(client);
        }
        program.signal(Signal::SIGTERM);
        assert_eq!(program.event("draining")["connections"], 4);
        drop(clients);
        let left = program.wait();
        assert_eq!((left.code, &left.end()["served"]), (0, &4.into()), "{}", left.stderr);
        // Its owner's, for the next start.
        fs::remove_file(&path).unwrap();
        certificate.map(fs::remove_file).transpose().unwrap();
    }
}

async fn line(client: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\n") {
        text.push(soon("an answer", client.read_u8()).await.unwrap());
    }
    String::from_utf8(text).unwrap().trim_end().to_owned()
}

/// Who is too many on one socket is so on the others, and a place that comes free is anybody's.
#[test]
fn limits_hold_over_all_of_them_together() {
    let path = fresh_path("handed");
    let args = ["--max-conns", "2"];
    let Some(mut command) = launch("tcp,unix", "ours", path.to_str().unwrap(), &args) else {
        return;
    };
    let mut program = Program::spawn(&mut command);
    program.event("listening");
    let mut first = connect(&program.addr);
    assert_echoes(&mut first, "first");
    let mut second = UnixStream::connect(&path).unwrap();
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    second.write_all(b"second").unwrap();
    second.read_exact(&mut [0; 6]).unwrap();
    program.event("open");
    program.event("open");

    let mut third = UnixStream::connect(&path).unwrap();
    third.write_all(b"third").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    third.read(&mut [0; 5]).unwrap_err();
    drop(first);
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 5];
    third.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"third");
    assert_eq!(program.event("closed")["conn"], 1);
    fs::remove_file(&path).unwrap();

    // One socket of them that others reach makes all of them ask for it.
    for (kinds, expected) in [("tcp,all", Some(256)), ("tcp,tcp", None)] {
        let Some(mut command) = launch(kinds, "ours", "", &[]) else { return };
        let program = Program::spawn(&mut command);
        assert_eq!(program.listening["max_conns_per_addr"].as_u64(), expected);
    }
    let args = ["--max-conns-per-addr", "1"];
    let Some(mut command) = launch("tcp,tcp", "ours", "", &args) else { return };
    let mut program = Program::spawn(&mut command);
    let other = program.event("listening")["addr"].as_str().unwrap().to_owned();
    let mut first = connect(&program.addr);
    assert_echoes(&mut first, "first");
    assert!(connect(&other).read(&mut [0]).is_err(), "it is reset");
    program.event("open");
    program.event("refused");
}

/// Two clients that come at once to two sockets are one too many for who serves one.
#[test]
fn once_is_once_over_all_of_them() {
    let Some(mut command) = launch("tcp,tcp", "ours", "", &["--once"]) else { return };
    let mut program = Program::spawn(&mut command);
    let other = program.event("listening")["addr"].as_str().unwrap().to_owned();
    let mut client = connect(&other);
    assert_echoes(&mut client, "hello");
    TcpStream::connect(&program.addr).unwrap_err();
    drop(client);
    let left = program.wait();
    assert_eq!((left.code, &left.end()["served"]), (0, &1.into()));
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
        ("tcp,udp", &[], "no stream socket (descriptor 4)"),
        (
            "tcp,unbound",
            &[],
            "it is a connection already (Accept=yes); Accept=no is what works (descriptor 4)",
        ),
        ("tcp", &[":7878"], "a socket was handed over (LISTEN_FDS), and an address was given too"),
    ] {
        let Some(mut command) = launch(kind, "ours", "", args) else { return };
        Running::start(&mut command).finish().failed(2, why);
    }
    // What is counted and not there, and so many that the count is no number of sockets.
    for (fds, why) in
        [("2", "no stream socket (descriptor 4)"), ("1000000000", "and 64 are the limit")]
    {
        let Some(mut command) = launch("tcp", "ours", "", &[]) else { return };
        Running::start(command.env("FDS", fds)).finish().failed(2, why);
    }
}
