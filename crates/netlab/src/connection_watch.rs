//! What the kernel knows of one connection, over time.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;

use crate::clock::{Clock, Moment};
use crate::host::Host;
use crate::sockets::{ConnectionReader, TcpSocket};

/// How often the kernel is asked. What comes and goes within this time may be missed.
pub const EVERY: Duration = Duration::from_millis(2);

/// A connection at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionSample {
    /// When the kernel was asked.
    pub at: Moment,
    /// What it has of this end of the connection; none once it has forgotten it.
    pub socket: Option<TcpSocket>,
}

/// Asks for one end of a connection until it is told to finish.
#[derive(Debug)]
pub struct ConnectionWatch {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<io::Result<Vec<ConnectionSample>>>,
}

impl ConnectionWatch {
    /// Begins to watch the end of a connection that `host` has; the first sample is taken when this
    /// returns.
    pub fn start(host: &Host, clock: Clock, local: SocketAddr, remote: SocketAddr) -> Self {
        let (stop, stopped) = mpsc::channel();
        let (ready, is_ready) = mpsc::sync_channel(1);
        // A thread is in the namespace of the thread that starts it.
        let thread = host.run(move || {
            thread::spawn(move || {
                let mut watched = Watched::open(clock, local, remote)?;
                watched.look()?;
                let _ = ready.send(());
                while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    watched.look()?;
                }
                // What has come since the last look is not lost.
                watched.look()?;
                Ok(watched.changes)
            })
        });
        // Where it cannot begin, the end says why.
        let _ = is_ready.recv();
        Self { stop, thread }
    }

    /// Ends the watch and gives back every change that it saw, the first sample included. That a timer
    /// comes nearer is no change.
    pub fn finish(self) -> io::Result<Vec<ConnectionSample>> {
        drop(self.stop);
        self.thread.join().expect("the watch does not panic")
    }
}

struct Watched {
    clock: Clock,
    reader: ConnectionReader,
    changes: Vec<ConnectionSample>,
}

impl Watched {
    fn open(clock: Clock, local: SocketAddr, remote: SocketAddr) -> io::Result<Self> {
        let reader = ConnectionReader::open(local, remote)?;
        Ok(Self { clock, reader, changes: Vec::new() })
    }

    fn look(&mut self) -> io::Result<()> {
        let socket = self.reader.read()?;
        let now = apart_from_time(socket.as_ref());
        let last = self.changes.last().map(|sample| apart_from_time(sample.socket.as_ref()));
        if last.is_none_or(|last| last != now) {
            self.changes.push(ConnectionSample { at: self.clock.now(), socket });
        }
        Ok(())
    }
}

fn apart_from_time(socket: Option<&TcpSocket>) -> Option<TcpSocket> {
    socket.map(|socket| TcpSocket { expires: None, ..socket.clone() })
}
