//! Looking at something in a host again and again, until one is asked to finish.

use std::fmt;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::host::Host;

/// A thread of a host that looks every so often, and keeps what it makes of that.
pub(crate) struct Sampling<S> {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<io::Result<S>>,
}

impl<S: Send + 'static> Sampling<S> {
    /// Begins: `begin` makes what is kept, in the host's namespace, and `look` looks. It has looked once
    /// when this returns, and looks once more when it is asked to finish, so that nothing is missed that
    /// happened before the asker's eyes.
    pub(crate) fn start(
        host: &Host,
        every: Duration,
        begin: impl FnOnce() -> io::Result<S> + Send + 'static,
        look: impl Fn(&mut S) -> io::Result<()> + Send + 'static,
    ) -> Self {
        let (stop, stopped) = mpsc::channel();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let watch = move || {
            let mut kept = begin()?;
            look(&mut kept)?;
            let _ = ready.send(());
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                look(&mut kept)?;
            }
            look(&mut kept)?;
            Ok(kept)
        };
        // A thread is in the namespace of the thread that starts it.
        let thread = host.run(move || thread::spawn(watch));
        // Where it cannot begin, the end says why.
        let _ = is_ready.recv();
        Self { stop, thread }
    }

    /// Ends it and gives back what it kept.
    pub(crate) fn finish(self) -> io::Result<S> {
        drop(self.stop);
        self.thread.join().expect("what looks does not panic")
    }
}

impl<S> fmt::Debug for Sampling<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampling").finish_non_exhaustive()
    }
}
