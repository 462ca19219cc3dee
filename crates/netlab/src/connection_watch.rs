//! What the kernel knows of one connection, over time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use crate::clock::{Clock, Moment};
use crate::host::Host;
use crate::sampling::Sampling;
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
pub struct ConnectionWatch(Sampling<Watched>);

impl ConnectionWatch {
    /// Begins to watch the end of a connection that `host` has; the first sample is taken when this
    /// returns.
    pub fn start(host: &Host, clock: Clock, local: SocketAddr, remote: SocketAddr) -> Self {
        let begin = move || Watched::open(clock, local, remote);
        Self(Sampling::start(host, EVERY, begin, Watched::look))
    }

    /// Ends the watch and gives back every change that it saw, the first sample included. That a timer
    /// comes nearer is no change.
    pub fn finish(self) -> io::Result<Vec<ConnectionSample>> {
        Ok(self.0.finish()?.changes)
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
