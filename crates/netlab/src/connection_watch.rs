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
    /// Begins to watch the end of a connection that `host` has.
    pub fn start(host: &Host, clock: Clock, local: SocketAddr, remote: SocketAddr) -> Self {
        let (stop, stopped) = mpsc::channel();
        // A thread is in the namespace of the thread that starts it.
        let thread = host.run(move || thread::spawn(move || watch(clock, local, remote, &stopped)));
        Self { stop, thread }
    }

    /// Ends the watch and gives back every change that it saw, the first sample included. That a timer
    /// comes nearer is no change.
    pub fn finish(self) -> io::Result<Vec<ConnectionSample>> {
        drop(self.stop);
        self.thread.join().expect("the watch does not panic")
    }
}

fn watch(
    clock: Clock,
    local: SocketAddr,
    remote: SocketAddr,
    stopped: &mpsc::Receiver<()>,
) -> io::Result<Vec<ConnectionSample>> {
    let mut reader = ConnectionReader::open(local, remote)?;
    let mut changes: Vec<ConnectionSample> = Vec::new();
    loop {
        let socket = reader.read()?;
        let is_news = match changes.last() {
            Some(last) => apart_from_time(last.socket.as_ref()) != apart_from_time(socket.as_ref()),
            None => true,
        };
        if is_news {
            changes.push(ConnectionSample { at: clock.now(), socket });
        }
        match stopped.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(changes),
        }
    }
}

fn apart_from_time(socket: Option<&TcpSocket>) -> Option<TcpSocket> {
    socket.map(|socket| TcpSocket { expires: None, ..socket.clone() })
}
