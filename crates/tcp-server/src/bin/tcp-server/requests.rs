//! `hold`: one connection for each line on standard input.

use std::io::{self, Read as _};
use std::thread;

use tokio::sync::mpsc;

/// How many lines may be ahead of the connections that they ask for. `yes | tcp-server -m hold` then
/// waits in its pipe instead of in this program's memory.
const AHEAD: usize = 1024;

/// A `()` for each line of standard input. The channel ends with the input.
///
/// A thread of its own reads, as tokio's standard input would keep the runtime from ending while a read
/// waits for a person. Nobody waits for this thread.
pub(crate) fn from_stdin() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        let (mut input, mut chunk, mut partial) = (io::stdin().lock(), [0; 4096], false);
        loop {
            match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    for &byte in &chunk[..read] {
                        partial = byte != b'\n';
                        if !partial && sender.blocking_send(()).is_err() {
                            return;
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot read standard input; no more is accepted");
                    return;
                }
            }
        }
        if partial {
            // The last line may lack its end; where the server has ended, nobody asks any more.
            let _ = sender.blocking_send(());
        }
    });
    receiver
}
