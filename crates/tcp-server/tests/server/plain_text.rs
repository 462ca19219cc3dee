//! What it says of itself is ASCII, and has no escape sequences: in any locale, on any terminal, through any
//! pipe. Nor does anything of a client's reach a terminal that obeys it.

use std::fs::{self, File};
use std::process::Stdio;

use nix::pty::openpty;
use nix::sys::signal::Signal;
use socket2::{Domain, SockAddr, Socket, Type};
use tests::{LIMIT, Output, Running};

use crate::support::connect;
use crate::support::program::{Program, command};
use crate::support::way::{certificate_file, fresh_path};

#[track_caller]
fn assert_plain(what: &str, text: &[u8]) {
    let strange = text.iter().find(|byte| !matches!(byte, b'\r' | b'\n' | b' '..=b'~'));
    assert_eq!(strange, None, "{what}: {}", String::from_utf8_lossy(text));
}

#[test]
fn errors_help_and_the_story_are_plain() {
    let file = certificate_file();
    let tls = ["-p", "0", "--cert", &file, "--key", &file, "-vvv"];
    for (name, value) in [("LC_ALL", "C"), ("NO_COLOR", "1"), ("TERM", "xterm-256color")] {
        for args in [&["--nonsense"][..], &["7878x"], &["--help"], &["unix:/nonexistent/socket"]] {
            let done = Running::start(command(args).env(name, value)).finish();
            assert!(!done.stderr.is_empty() || !done.stdout.is_empty(), "{args:?}");
            assert_plain(name, done.stderr.as_bytes());
            assert_plain(name, &done.stdout);
        }
        for args in [&["-p", "0", "-vvv"][..], &tls] {
            let mut server = Running::start(command(args).env(name, value));
            let first = server.stderr.line_with("listening on ");
            drop(connect(first.rsplit(' ').next().unwrap()));
            server.stderr.wait_for("closed by peer (FIN)");
            server.signal(Signal::SIGTERM);
            let done = server.finish();
            assert_plain(name, done.stderr.as_bytes());
            assert_plain(name, &done.stdout);
        }
        let mut program = Program::spawn(command(&["-p", "0", "-vvv"]).env(name, value));
        drop(connect(&program.addr));
        program.event("open");
        program.event("closed");
        program.signal(Signal::SIGTERM);
        let finished = program.running.finish();
        assert_plain(name, finished.stderr.as_bytes());
        assert_plain(name, &finished.stdout);
    }
    fs::remove_file(file).unwrap();
}

/// A client chooses the path of its Unix socket, which is told.
#[test]
fn nothing_of_a_clients_path_is_obeyed_by_a_terminal() {
    let terminal = openpty(None, None).unwrap();
    let screen = Output::of(Some(File::from(terminal.master)), LIMIT);
    let path = fresh_path("socket");
    let address = format!("unix:{}", path.display());
    let mut command = command(&["-vvv", &address]);
    let server =
        Running::start(command.env("TERM", "xterm-256color").stderr(Stdio::from(terminal.slave)));
    drop(command);
    let mut screen = screen;
    screen.wait_for("Ctrl-C stops.");
    let evil = fresh_path("evil\x1b]0;x\x07");
    let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    client.bind(&SockAddr::unix(&evil).unwrap()).unwrap();
    client.connect(&SockAddr::unix(&path).unwrap()).unwrap();
    drop(client);
    let shown = screen.wait_for("closed by peer (FIN)");
    assert!(shown.contains("evil\\u{1b}]0;x\\u{7}"), "{shown:?}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.finish().code, 0);
    fs::remove_file(&evil).unwrap();
}
