//! What a peer sends reaches a terminal as text, and a pipe as it is.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use nix::pty::openpty;
use nix::sys::termios::{OutputFlags, SetArg, tcgetattr, tcsetattr};

use crate::support::{Peer, Running, command, run};

const EVIL: &[u8] = "你好\x1b]0;x\x07\n".as_bytes();

/// Runs the client with a terminal for its output, and returns what the terminal was sent.
fn on_a_terminal(args: &[&str]) -> Vec<u8> {
    let server = Peer::listen();
    let terminal = openpty(None, None).unwrap();
    let mut modes = tcgetattr(&terminal.slave).unwrap();
    modes.output_flags.remove(OutputFlags::OPOST);
    tcsetattr(&terminal.slave, SetArg::TCSANOW, &modes).unwrap();
    let addr = server.target();
    let mut command = command(&[&[addr.as_str()], args].concat());
    let client = Running::start(command.stdin(Stdio::null()).stdout(Stdio::from(terminal.slave)));
    // The command keeps the terminal open, and a reader would wait for it.
    drop(command);
    server.accept().write_all(EVIL).unwrap();
    client.finish().silent();
    let (mut shown, mut reader) = (Vec::new(), File::from(terminal.master));
    // The end of a terminal whose other side is closed is EIO.
    let _ = reader.read_to_end(&mut shown);
    shown
}

#[test]
fn control_characters_are_shown_and_not_obeyed() {
    let shown = String::from_utf8(on_a_terminal(&[])).unwrap();
    assert_eq!(shown, "你好\\x1b]0;x\\x07\n");
}

#[test]
fn whoever_asks_for_the_raw_bytes_gets_them() {
    assert_eq!(on_a_terminal(&["--raw"]), EVIL);
}

#[test]
fn a_pipe_always_gets_the_raw_bytes() {
    let server = Peer::listen();
    let addr = server.target();
    let peer = std::thread::spawn(move || server.accept().write_all(EVIL).unwrap());
    let done = run(&[&addr]);
    peer.join().unwrap();
    assert_eq!(done.stdout, EVIL);
}
