//! `stdio`: standard input and standard output, at the other end of a client.
//!
//! A thread reads the one and a thread writes the other, as both may block: a pipe that nobody writes, or
//! that nobody reads. Neither begins before there is a client, so that a terminal is left alone until then.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use cli::output::CANNOT_WRITE;
use cli::{Exit, Failure};
use proto::Ending;
use proto::limits::MAX_READ_CHUNK;
use proto::visible::Visible;
use tcp_server::Peer;
use tcp_server::modes::{Ends, Stdio};
use tokio::sync::{mpsc, oneshot};

/// What goes wrong with standard input and output.
#[derive(Debug, Default)]
pub(crate) struct Wired {
    failed: Arc<Mutex<Option<Failure>>>,
    /// Whether there was a client.
    is_met: Arc<AtomicBool>,
}

impl Wired {
    /// What wires the first client to them.
    pub(crate) fn service(&self) -> Stdio {
        let (failed, is_met) = (Arc::clone(&self.failed), Arc::clone(&self.is_met));
        Stdio::new(move || {
            is_met.store(true, Ordering::Relaxed);
            open(&failed)
        })
    }

    /// Why the client, or this side, did not get everything. `last` is how its connection ended.
    pub(crate) fn failure(&self, last: Option<(Peer, Ending)>) -> Option<Failure> {
        let of_ours = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A stranger who came to no agreement on TLS has broken nothing.
        let last = last.filter(|_| self.is_met.load(Ordering::Relaxed));
        of_ours.or_else(|| match last? {
            (_, Ending::PeerFin | Ending::Done | Ending::Shutdown) => None,
            (peer, ending) => {
                let message = format!("the connection of {peer} broke: {ending}");
                Some(Failure::new(Exit::Failed, "broken", message))
            }
        })
    }
}

fn open(failed: &Arc<Mutex<Option<Failure>>>) -> Ends {
    // One piece each is under way, so that what cannot go on waits where it comes from.
    let (to_client, input) = mpsc::channel(1);
    let (output, from_client) = mpsc::channel(1);
    let (done, written) = oneshot::channel();
    let told = Arc::clone(failed);
    thread::spawn(move || {
        if let Err(error) = read_all(&to_client) {
            fail(&told, "cannot read standard input", &error);
        }
    });
    let told = Arc::clone(failed);
    thread::spawn(move || {
        match write_all(from_client) {
            // Whoever reads has what it wanted, as in `| head -c1`.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => fail(&told, CANNOT_WRITE, &error),
            Ok(()) => {}
        }
        // The server may have been ended meanwhile.
        let _ = done.send(());
    });
    Ends { input, output, written, is_typed: io::stdin().is_terminal() }
}

fn fail(told: &Mutex<Option<Failure>>, what: &str, error: &io::Error) {
    let failure = Failure::from_io(Exit::Failed, what, error);
    told.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
}

fn read_all(to_client: &mpsc::Sender<Bytes>) -> io::Result<()> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut chunk = vec![0; MAX_READ_CHUNK];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                // The client is gone.
                if to_client.blocking_send(Bytes::copy_from_slice(&chunk[..read])).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn write_all(mut from_client: mpsc::Receiver<Bytes>) -> io::Result<()> {
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    if !output.is_terminal() {
        while let Some(bytes) = from_client.blocking_recv() {
            output.write_all(&bytes)?;
        }
        return Ok(());
    }
    // A client must not move a cursor, or set a title.
    let (mut visible, mut text) = (Visible::default(), String::new());
    while let Some(bytes) = from_client.blocking_recv() {
        text.clear();
        visible.push(&bytes, &mut text);
        output.write_all(text.as_bytes())?;
    }
    text.clear();
    visible.finish(&mut text);
    output.write_all(text.as_bytes())
}
