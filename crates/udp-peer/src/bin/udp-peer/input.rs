//! Standard input, read by a thread of its own.
//!
//! A terminal at which nobody types then holds up neither what is received nor the end: `main` leaves
//! without waiting for the thread. The descriptor stays in blocking mode, because the shell that lent it,
//! and every program that shares it, would find the mode changed.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::thread;

use tokio::sync::mpsc;
use udp_peer::{Line, Lines};

/// How much is read at once, in bytes: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// How many lines wait at most to be sent: 16 of the length of a datagram, so that waiting lines take 1 MiB
/// at most, and one of those that are as long.
fn waiting(limit: usize) -> usize {
    (1024 * 1024 / limit.max(1)).clamp(1, 16)
}

/// The lines of standard input, each of at most `limit` bytes. They end with it, or with an error. A
/// standard input that is closed reads as an empty one: Rust puts `/dev/null` in its place at the start.
pub(crate) fn lines(limit: usize) -> io::Result<mpsc::Receiver<io::Result<Line>>> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let (sender, receiver) = mpsc::channel(waiting(limit));
    thread::Builder::new().name("stdin".into()).spawn(move || read(stdin, limit, &sender))?;
    Ok(receiver)
}

fn read(mut stdin: File, limit: usize, sender: &mpsc::Sender<io::Result<Line>>) {
    let (mut buf, mut lines) = (vec![0; CHUNK], Lines::new(limit));
    // Sending fails where nobody wants more: the program is about to end.
    loop {
        match stdin.read(&mut buf) {
            Ok(0) => break,
            Ok(count) => lines.push(&buf[..count], |line| {
                let _ = sender.blocking_send(Ok(line));
            }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let _ = sender.blocking_send(Err(error));
                return;
            }
        }
        if sender.is_closed() {
            return;
        }
    }
    if let Some(line) = lines.finish() {
        let _ = sender.blocking_send(Ok(line));
    }
}
