//! `stdio`: one client at standard input and output, with either direction ending on its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;

use nix::pty::openpty;
use nix::sys::signal::Signal;
use socket2::SockRef;
use tests::{LIMIT, Output, Running};

use crate::support::program::command;
use crate::support::{connect, eventually};

/// The program, and where it listens: there are no events to learn that from.
fn start(with: impl FnOnce(&mut std::process::Command)) -> (Running, String) {
    let mut command = command(&["-p", "0", "-m", "stdio"]);
    with(&mut command);
    let mut running = Running::start(&mut command);
    let line = running.stderr.line_with("listening on ");
    let addr = line.rsplit(' ').next().unwrap().to_owned();
    (running, addr)
}

fn piped() -> (Running, String) {
    start(|command| _ = command.stdin(Stdio::piped()))
}

fn read_to_end(client: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn both_directions_carry_everything_and_end_on_their_own() {
    let (mut server, addr) = piped();
    let (there, back) = (tests::noise(3 << 20), tests::noise(2 << 20));
    let mut client = connect(&addr);
    let mut writer = client.try_clone().unwrap();
    let sent = there.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut stdin = server.take_stdin();
    let typed = back.clone();
    // The input ends long after the client has finished.
    let typing = std::thread::spawn(move || {
        writing.join().unwrap();
        stdin.write_all(&typed).unwrap();
    });
    assert!(read_to_end(&mut client) == back);
    typing.join().unwrap();
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stdout == there);
    assert!(finished.stderr.contains("closed by peer (FIN)"), "{}", finished.stderr);
}

#[test]
fn the_end_of_the_input_is_told_and_what_comes_after_it_is_read() {
    let (mut server, addr) = piped();
    let mut client = connect(&addr);
    server.write(b"question\n");
    server.close_stdin();
    assert_eq!(read_to_end(&mut client), b"question\n");
    client.write_all(b"answer\n").unwrap();
    drop(client);
    let finished = server.finish();
    assert_eq!((finished.code, &finished.stdout[..]), (0, &b"answer\n"[..]));
}

/// `nc -l` ends here, and what its input still had is lost.
#[test]
fn a_client_that_has_finished_still_gets_the_input_to_its_end() {
    let (mut server, addr) = piped();
    let mut client = connect(&addr);
    client.write_all(b"question\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.stdout.wait_for("question\n");
    eventually("its FIN has come", || close_wait(&addr).then_some(()));
    for piece in [b"one\n", b"two\n"] {
        server.write(piece);
        let mut heard = [0; 4];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, piece);
    }
    server.close_stdin();
    assert_eq!(read_to_end(&mut client), b"");
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

/// Whether a connection of the server has got a FIN and not sent one, by `/proc/net/tcp`.
fn close_wait(addr: &str) -> bool {
    const CLOSE_WAIT: &str = "08";
    let port: u16 = addr.rsplit(':').next().unwrap().parse().unwrap();
    let local = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&local) && fields[3] == CLOSE_WAIT
    })
}

#[test]
fn there_is_one_client_and_the_next_is_refused() {
    let (server, addr) = piped();
    let client = connect(&addr);
    let refused = || TcpStream::connect(&addr).err();
    eventually("nobody else gets in", refused);
    drop((client, server));
}

#[test]
fn a_client_that_breaks_off_is_an_error() {
    let (server, addr) = piped();
    let client = connect(&addr);
    SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    let finished = server.finish();
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.contains("broke: reset by peer (RST)\n"), "{}", finished.stderr);
}

#[test]
fn a_reader_that_has_enough_is_no_error_and_a_full_disk_is() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (server, addr) = start(|command| _ = command.stdout(full));
    connect(&addr).write_all(b"x").unwrap();
    let finished = server.finish();
    assert_eq!(finished.code, 1);
    let told = "error: cannot write to standard output: no space left on device\n";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);

    let (reader, writer) = std::io::pipe().unwrap();
    let (server, addr) = start(|command| _ = command.stdout(writer));
    drop(reader);
    let mut client = connect(&addr);
    // As much as it takes until it has noticed.
    while client.write_all(&vec![b'x'; 1 << 16]).is_ok() {}
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

/// A person has no end to wait for, and a terminal obeys nothing of what a client sends.
#[test]
fn at_a_terminal_it_ends_with_the_client_and_shows_no_control_character() {
    let terminal = openpty(None, None).unwrap();
    let mut keyboard = File::from(terminal.master);
    let screen = Output::of(Some(keyboard.try_clone().unwrap()), LIMIT);
    let (server, addr) = start(|command| {
        command.stdin(Stdio::from(terminal.slave.try_clone().unwrap()));
        command.stdout(Stdio::from(terminal.slave));
    });
    let mut client = connect(&addr);
    keyboard.write_all(b"typed\n").unwrap();
    let mut heard = [0; 6];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"typed\n");
    client.write_all(b"title \x1b]0;x\x07\n").unwrap();
    drop(client);
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let mut screen = screen;
    let shown = screen.wait_for("title \\x1b]0;x\\x07\r\n");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}

#[test]
fn ctrl_c_ends_it_with_or_without_a_client() {
    for has_client in [false, true] {
        let (mut server, addr) = piped();
        let client = has_client.then(|| connect(&addr));
        if has_client {
            server.stderr.wait_for(" open\n");
        }
        server.signal(Signal::SIGINT);
        assert_eq!(server.finish().code, 0);
        drop(client);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (args, why) in [
        (&["-m", "stdio", "--json"][..], "needs standard output for what the client sends"),
        (&["-m", "stdio", "-k"], "serves one client"),
    ] {
        let finished = Running::start(&mut command(args)).finish();
        assert_eq!(finished.code, 2);
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
    }
}
