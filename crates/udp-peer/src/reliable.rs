//! Reliable and private connections over a socket.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use arq::{Config, Counts, Endpoint, Identity, PublicKey, TooMany};
use tokio::task::AbortHandle;

use crate::batches::Batches;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::driver::Driver;
use crate::entropy::Entropy;
use crate::shared::Shared;
use crate::socket::Socket;

/// Reliable and private connections over one socket, to as many peers as there are: the protocol of the
/// crate `arq`, with a socket, a clock and random bytes.
///
/// A task of the runtime drives it. It ends when this is dropped, and with it every connection, without
/// a word: see [`Reliable::finish`].
#[derive(Debug)]
pub struct Reliable {
    shared: Arc<Shared>,
    local: SocketAddr,
    driver: AbortHandle,
}

impl Reliable {
    /// Starts on a socket. Whoever proves to own a key may connect ([`Reliable::accept`]).
    ///
    /// It must be called inside a tokio runtime.
    pub fn start(socket: Socket, identity: Identity, config: Config) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let clock = Clock::start();
        let random = Box::new(Entropy::default());
        let endpoint = Endpoint::new(clock.now(), identity, config, random);
        let shared = Shared::new(endpoint, clock);
        let driver = Driver::new(Arc::clone(&shared), Batches::new(socket)?);
        let driver = tokio::spawn(driver.run()).abort_handle();
        Ok(Self { shared, local, driver })
    }

    /// The address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Our own key.
    pub fn public_key(&self) -> PublicKey {
        self.shared.lock().endpoint.public_key()
    }

    /// Begins a connection; [`Connection::established`] waits until it is there. Nobody but the owner of
    /// `key` can answer; without one anybody can, and it is told who did.
    pub fn connect(&self, to: SocketAddr, key: Option<PublicKey>) -> Result<Connection, TooMany> {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let id = state.endpoint.connect(now, to, key)?;
        state.entry(id).address = Some(to);
        drop(state);
        self.shared.wake.notify_one();
        Ok(Connection::new(Arc::clone(&self.shared), id))
    }

    /// Waits for a connection that somebody else begins. An error is one of the socket, after which
    /// nothing more comes.
    ///
    /// Cancel safe.
    pub async fn accept(&self) -> io::Result<Connection> {
        let id = poll_fn(|cx| {
            let mut state = self.shared.lock();
            if let Some(id) = state.next_waiting() {
                return Poll::Ready(Ok(id));
            }
            if let Some(error) = state.broken() {
                return Poll::Ready(Err(error));
            }
            state.park_acceptor(cx);
            Poll::Pending
        });
        Ok(Connection::new(Arc::clone(&self.shared), id.await?))
    }

    /// A connection that somebody else has begun, where one waits to be accepted.
    ///
    /// Where [`Connection::established`] failed with [`arq::End::Crossed`], the peer's own waits already.
    pub fn try_accept(&self) -> Option<Connection> {
        let id = self.shared.lock().next_waiting()?;
        Some(Connection::new(Arc::clone(&self.shared), id))
    }

    /// Waits until nothing is under way: every connection has ended, and has said so. Give it a time
    /// limit; a peer that has gone is waited for as long as three probe timeouts.
    pub async fn finish(&self) {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if !state.endpoint.is_busy() || state.broken().is_some() {
                return Poll::Ready(());
            }
            state.park_finisher(cx);
            Poll::Pending
        })
        .await;
    }

    /// What has come that belongs to no connection.
    pub fn counts(&self) -> Counts {
        self.shared.lock().endpoint.counts()
    }

    /// How many handshakes others have begun and not finished: at most
    /// [`arq::limits::MAX_HALF_OPEN`].
    pub fn half_open(&self) -> usize {
        self.shared.lock().endpoint.half_open()
    }
}

impl Drop for Reliable {
    fn drop(&mut self) {
        self.driver.abort();
        let gone = io::Error::new(io::ErrorKind::NotConnected, "the endpoint was dropped");
        self.shared.lock().break_with(&gone);
    }
}
