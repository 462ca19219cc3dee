//! Making a connection, and why none was made.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use proto::{Address, Ending, TlsFault};
use thiserror::Error;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout_at};

#[cfg(feature = "tls")]
use crate::agree::agree;
use crate::eyeballs::race;
use crate::limits::FULL_QUEUE_POLL;
use crate::resolve;
use crate::stream::Stream;

#[cfg(feature = "tls")]
pub use crate::agree::Agreed;
pub use crate::options::{ConnectOptions, Family};

/// A connection, and how it came to be.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub stream: Stream,
    /// The address that answered: one of those that a name stands for.
    pub peer: Address,
    /// The address of this end.
    pub local: Address,
    /// How long the successful connect took: over TCP one round trip.
    pub elapsed: Duration,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The addresses of the same name that were tried in vain, in this attempt.
    pub unreached: Vec<Unreached>,
    /// What was agreed on, over TLS.
    #[cfg(feature = "tls")]
    pub agreed: Option<Agreed>,
}

/// Why no connection was made.
#[derive(Debug, Error)]
#[error("cannot connect to {address}: {cause}")]
pub struct ConnectError {
    /// The address as it was asked for.
    pub address: Address,
    /// How long the attempt took.
    pub elapsed: Duration,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What went wrong.
    #[source]
    pub cause: Cause,
}

/// What went wrong in an attempt to connect.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Cause {
    /// The host is a name, and names are not allowed.
    #[error("the host is a name, and names are not looked up")]
    NameNotAllowed,
    /// The name service does not know the name, or cannot be asked.
    #[error("the name cannot be looked up: {0}")]
    Lookup(io::Error),
    /// The name service did not answer within the time limit.
    #[error("the name service did not answer within {:.3} s", .0.as_secs_f64())]
    LookupTimedOut(Duration),
    /// The host has addresses, but none of the family that is wanted.
    #[error("it has no {0} address")]
    NoAddress(Family),
    /// Every address of the host was tried in vain, begun in this order. There is at least one.
    #[error("{}", last_of(.0))]
    Unreached(Vec<Unreached>),
    /// The address was reached, and there was no agreement on TLS with who is there.
    #[error("{ending}")]
    NotAgreed {
        /// The address.
        peer: Address,
        /// How it ended.
        ending: Ending,
    },
    /// No certificate can be for the host: it is no name. Another one can be asked for.
    #[error("no certificate can be for \"{0}\"")]
    NoName(String),
}

/// An address that was tried in vain.
#[derive(Debug, Error)]
#[error("{peer}: {why}")]
pub struct Unreached {
    /// The address.
    pub peer: Address,
    /// How long it was tried.
    pub elapsed: Duration,
    /// Why it was not reached.
    #[source]
    pub why: Why,
}

/// Why an address was not reached: the operation that failed, and how.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Why {
    /// There is no socket to be had (`socket`): too many files are open, or the family is not supported.
    #[error("no socket: {0}")]
    Socket(io::Error),
    /// The source address cannot be used (`bind`).
    #[error("cannot connect from {from}: {error}")]
    Bind {
        /// The source address.
        from: SocketAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// The kernel says no (`connect`).
    #[error("{0}")]
    Connect(io::Error),
    /// No answer came within the time limit: the SYN, or what came back, was lost or dropped.
    #[error("no answer within {:.3} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The socket met itself: nothing listens there, and the kernel had picked that very port for this
    /// end (a simultaneous open, RFC 9293 section 3.5).
    #[error("the connection led back to its own socket")]
    ToItself,
}

impl ConnectError {
    /// The last address that was tried, if it came to that.
    pub fn last(&self) -> Option<&Unreached> {
        match &self.cause {
            Cause::Unreached(all) => all.last(),
            _ => None,
        }
    }

    /// Whether it was the caller's time limit that ended the attempt.
    pub fn timed_out(&self) -> bool {
        matches!(self.cause, Cause::LookupTimedOut(_))
            || matches!(self.last(), Some(Unreached { why: Why::TimedOut(_), .. }))
            || matches!(
                self.cause,
                Cause::NotAgreed { ending: Ending::Tls(TlsFault::Stalled { .. }), .. }
            )
    }

    /// Whether the same attempt may succeed later: it may where the other side is the cause, not where
    /// it was asked for something that cannot be done here.
    pub fn may_pass(&self) -> bool {
        match (&self.cause, self.last()) {
            (_, Some(last)) => match &last.why {
                Why::Connect(error) => error.kind() != io::ErrorKind::PermissionDenied,
                Why::TimedOut(_) | Why::ToItself => true,
                Why::Socket(_) | Why::Bind { .. } => false,
            },
            (Cause::Lookup(_) | Cause::LookupTimedOut(_), None) => true,
            // A server that is starting or stopping; what it shows or speaks stays as it is.
            (Cause::NotAgreed { ending, .. }, None) => match ending {
                Ending::Tls(fault) => fault.may_pass(),
                _ => true,
            },
            (_, None) => false,
        }
    }
}

/// Makes one attempt to connect to `address`.
///
/// A connection to a loopback address has Reno as its congestion control, and is not paced.
pub async fn connect(
    address: &Address,
    options: &ConnectOptions,
) -> Result<Connected, ConnectError> {
    let limit = Limit::start(options.timeout);
    let connected = match address {
        Address::Tcp { host, port } => connect_tcp(host, *port, options, limit).await,
        Address::Unix(path) => connect_unix(path, limit).await,
    };
    #[cfg(feature = "tls")]
    let connected = match (connected, &options.tls) {
        (Ok(connected), Some(client)) => agree(connected, client, address, limit.left()).await,
        (connected, _) => connected,
    };
    connected.map_err(|cause| ConnectError {
        address: address.clone(),
        elapsed: limit.started.elapsed(),
        attempt: 1,
        cause,
    })
}

/// The time limit of one attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    started: Instant,
    timeout: Option<Duration>,
}

impl Limit {
    pub(crate) fn start(timeout: Option<Duration>) -> Self {
        Self { started: Instant::now(), timeout }
    }

    /// What is left of it.
    pub(crate) fn left(self) -> Option<Duration> {
        Some(self.timeout?.saturating_sub(self.started.elapsed()))
    }
}

/// Runs `connecting` for at most `limit`.
async fn within<T>(
    limit: Option<Duration>,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, Why> {
    let Some(limit) = limit else { return connecting.await.map_err(Why::Connect) };
    match timeout_at(Instant::now() + limit, connecting).await {
        Ok(done) => done.map_err(Why::Connect),
        Err(_) => Err(Why::TimedOut(limit)),
    }
}

async fn connect_tcp(
    host: &str,
    port: u16,
    options: &ConnectOptions,
    limit: Limit,
) -> Result<Connected, Cause> {
    let lookup = resolve::addresses(host, port, options);
    let addresses = match limit.timeout {
        Some(timeout) => timeout_at(limit.started + timeout, lookup)
            .await
            .map_err(|_| Cause::LookupTimedOut(timeout))??,
        None => lookup.await?,
    };
    race(addresses, options, limit).await
}

pub(crate) async fn connect_addr(
    addr: SocketAddr,
    options: &ConnectOptions,
    limit: Option<Duration>,
) -> Result<(Stream, Address), Why> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(Why::Socket)?;
    if let Some(from) = source_for(addr, options) {
        bind(&socket, from).map_err(|error| Why::Bind { from, error })?;
    }
    #[cfg(target_os = "linux")]
    if addr.ip().to_canonical().is_loopback() {
        // There is no network to be congested, and BBR, where it is the system's default, paces with a
        // timer for every few segments all the same. Without this the connection works, if more slowly.
        let _ = socket2::SockRef::from(&socket).set_tcp_congestion(b"reno");
    }
    let stream = within(limit, socket.connect(addr)).await?;
    let local = stream.local_addr().map_err(Why::Connect)?;
    if local == addr {
        // A close in order would leave the port in TIME_WAIT, and nothing could listen there for a minute.
        let stream = Stream::Tcp(stream);
        stream.reset_on_close().map_err(Why::Connect)?;
        return Err(Why::ToItself);
    }
    stream.set_nodelay(options.nodelay).map_err(Why::Connect)?;
    if let Some(limit) = options.user_timeout {
        // Not before the connect: that has a limit of its own.
        set_user_timeout(&stream, limit).map_err(Why::Socket)?;
    }
    Ok((Stream::Tcp(stream), local.into()))
}

/// Where to connect from, if the caller has a say in it.
fn source_for(addr: SocketAddr, options: &ConnectOptions) -> Option<SocketAddr> {
    let any = match addr {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    match (options.source, options.source_port) {
        (None, 0) => None,
        (source, port) => Some(SocketAddr::new(source.unwrap_or(any), port)),
    }
}

fn bind(socket: &TcpSocket, from: SocketAddr) -> io::Result<()> {
    if from.port() != 0 {
        // Without it the last connection from this port, in TIME_WAIT, would keep the port for a minute;
        // TCP itself still refuses the same pair of addresses (RFC 9293 section 3.6.1).
        socket.set_reuseaddr(true)?;
    }
    socket.bind(from)
}

#[cfg(target_os = "linux")]
fn set_user_timeout(stream: &TcpStream, limit: Duration) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(limit))
}

#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &TcpStream, _: Duration) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no TCP_USER_TIMEOUT"))
}

async fn connect_unix(path: &Path, limit: Limit) -> Result<Connected, Cause> {
    let peer = Address::Unix(path.to_owned());
    let connecting = async {
        loop {
            match UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sleep(FULL_QUEUE_POLL).await;
                }
                done => return done,
            }
        }
    };
    let connected = within(limit.timeout, connecting).await.and_then(|stream| {
        let stream = Stream::Unix(stream);
        let local = stream.local().map_err(Why::Connect)?;
        Ok((stream, local))
    });
    let elapsed = limit.started.elapsed();
    match connected {
        Ok((stream, local)) => Ok(Connected {
            stream,
            peer,
            local,
            elapsed,
            attempt: 1,
            unreached: Vec::new(),
            #[cfg(feature = "tls")]
            agreed: None,
        }),
        Err(why) => Err(Cause::Unreached(vec![Unreached { peer, elapsed, why }])),
    }
}

/// The last address stands for all of them in one line; a name's others are in the list.
fn last_of(unreached: &[Unreached]) -> String {
    unreached.last().map(|last| last.why.to_string()).unwrap_or_default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nothing_is_paced_within_the_machine() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(host).await.unwrap();
            let addr = listener.local_addr().unwrap();
            let connected = connect_addr(addr, &ConnectOptions::default(), None).await;
            let Ok((Stream::Tcp(stream), _)) = connected else { panic!("{connected:?}") };
            let congestion = socket2::SockRef::from(&stream).tcp_congestion().unwrap();
            // The name, and zeros behind it.
            assert!(congestion.starts_with(b"reno"), "{host}");
        }
    }
}
