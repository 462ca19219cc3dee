//! On a terminal: what is typed is sent while what comes in is shown.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use nix::pty::openpty;
use tests::{LIMIT, Running, piped};

use crate::support::{PROGRAM, addr_of, peer, receive};

/// What a terminal was sent.
struct Screen(Receiver<Vec<u8>>, Vec<u8>);

impl Screen {
    fn of(mut master: File) -> Self {
        let (sender, chunks) = channel();
        thread::spawn(move || {
            let mut buf = [0; 4096];
            // A terminal whose other side is gone gives an error in place of an end.
            while let Ok(count @ 1..) = master.read(&mut buf) {
                if sender.send(buf[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self(chunks, Vec::new())
    }

    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let shown = String::from_utf8_lossy(&self.1);
            if shown.contains(text) {
                return;
            }
            let chunk = self.0.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let chunk = chunk.unwrap_or_else(|why| panic!("{why}: {text:?} is not in {shown:?}"));
            self.1.extend(chunk);
        }
    }
}

#[test]
fn a_person_types_and_reads_at_the_same_time() {
    let peer = peer();
    let terminal = openpty(None, None).unwrap();
    let mut keyboard = File::from(terminal.master);
    let mut screen = Screen::of(keyboard.try_clone().unwrap());
    let mut command = piped(PROGRAM, &["chat", "--plain", "127.0.0.1:0", &addr_of(&peer)]);
    let side = || Stdio::from(terminal.slave.try_clone().unwrap());
    command.stdin(side()).stdout(side()).stderr(side());
    let chat = Running::start(&mut command);
    drop((command, terminal.slave));

    // Who sits at a terminal is told how it works and how it ends.
    screen.wait_for("\"q\" or Ctrl-D ends");
    keyboard.write_all("你好\n".as_bytes()).unwrap();
    let (typed, from) = receive(&peer);
    assert_eq!(typed, "你好".as_bytes());
    keyboard.write_all("half a li".as_bytes()).unwrap();
    peer.send_to("在\x1b[2J".as_bytes(), from).unwrap();
    screen.wait_for("在\\u{1b}[2J");
    keyboard.write_all(b"ne\nq\n").unwrap();
    assert_eq!(receive(&peer).0, b"half a line");
    assert_eq!(chat.finish().code, 0);
}
