//! A connection with one peer.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arq::{Channel, CloseCode, ConnectionId, PublicKey, SendError, Snapshot, Stats};
use bytes::Bytes;

use crate::shared::{Ended, News, Shared};

/// A connection with one peer. Its methods may be called from several tasks.
///
/// Dropped, it is closed without waiting for what was sent; see [`Connection::close`].
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
    id: ConnectionId,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, id: ConnectionId) -> Self {
        Self { shared, id }
    }

    /// Waits until both sides have keys, and gives the one that the peer has proven to own. Whether it is
    /// the right one is for the caller to say, before it sends anything.
    ///
    /// Cancel safe.
    pub async fn established(&self) -> Result<PublicKey, Ended> {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if let Some(peer) = state.entry(self.id).peer {
                return Poll::Ready(Ok(peer));
            }
            if let Some(ended) = state.ended(self.id) {
                return Poll::Ready(Err(ended));
            }
            state.park(self.id, cx);
            Poll::Pending
        })
        .await
    }

    /// The key that the peer has proven to own, once that is so.
    pub fn peer(&self) -> Option<PublicKey> {
        self.shared.lock().entry(self.id).peer
    }

    /// Where the peer is, or is called.
    pub fn address(&self) -> Option<SocketAddr> {
        self.shared.lock().entry(self.id).address
    }

    /// Whether the peer began it.
    pub fn is_incoming(&self) -> bool {
        self.shared.lock().entry(self.id).incoming
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.shared.lock().ended(self.id)
    }

    /// Gives a message for sending, which is kept until the peer has it, and gives its number in the
    /// channel. It waits while as much is kept as may be.
    ///
    /// Cancel safe: a message was given or it was not.
    pub async fn send(&self, channel: Channel, message: Bytes) -> Result<u64, SendError> {
        poll_fn(|cx| self.poll_send(cx, channel, &message)).await
    }

    /// The same to be polled.
    pub fn poll_send(
        &self,
        cx: &Context<'_>,
        channel: Channel,
        message: &Bytes,
    ) -> Poll<Result<u64, SendError>> {
        let mut state = self.shared.lock();
        let sent = state.endpoint.send(self.id, channel, message.clone());
        if sent == Err(SendError::Full) {
            state.park(self.id, cx);
            return Poll::Pending;
        }
        drop(state);
        self.shared.wake.notify_one();
        Poll::Ready(sent)
    }

    /// Sends a message once: it arrives or not.
    pub fn send_unreliable(&self, channel: u8, message: Bytes) -> Result<(), SendError> {
        let sent = self.shared.lock().endpoint.send_unreliable(self.id, channel, message);
        self.shared.wake.notify_one();
        sent
    }

    /// Waits for the next message of a channel; an error says that none will come. Who reads slower than
    /// the peer sends makes the peer wait.
    ///
    /// Cancel safe.
    pub async fn recv(&self, channel: Channel) -> Result<Bytes, Ended> {
        poll_fn(|cx| self.poll_recv(cx, channel)).await
    }

    /// The same to be polled.
    pub fn poll_recv(&self, cx: &Context<'_>, channel: Channel) -> Poll<Result<Bytes, Ended>> {
        let mut state = self.shared.lock();
        if let Some(message) = state.endpoint.read(self.id, channel) {
            drop(state);
            // The peer may have to be told that there is room.
            self.shared.wake.notify_one();
            return Poll::Ready(Ok(message));
        }
        if let Some(ended) = state.ended(self.id) {
            return Poll::Ready(Err(ended));
        }
        state.park(self.id, cx);
        Poll::Pending
    }

    /// Waits for the next unreliable message, with its channel.
    ///
    /// Cancel safe.
    pub async fn recv_unreliable(&self) -> Result<(u8, Bytes), Ended> {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if let Some(message) = state.endpoint.read_unreliable(self.id) {
                return Poll::Ready(Ok(message));
            }
            if let Some(ended) = state.ended(self.id) {
                return Poll::Ready(Err(ended));
            }
            state.park(self.id, cx);
            Poll::Pending
        })
        .await
    }

    /// From now on [`Connection::news`] tells of each message that the peer has. Who asks for it reads it:
    /// one is kept for each message.
    pub fn tell_confirmed(&self) {
        self.shared.lock().entry(self.id).tells_confirmed = true;
    }

    /// Waits for what else happens, until it ends.
    ///
    /// Cancel safe.
    pub async fn news(&self) -> Result<News, Ended> {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if let Some(news) = state.entry(self.id).news.pop_front() {
                return Poll::Ready(Ok(news));
            }
            if let Some(ended) = state.ended(self.id) {
                return Poll::Ready(Err(ended));
            }
            state.park(self.id, cx);
            Poll::Pending
        })
        .await
    }

    /// Takes no more messages, waits at most `patience` until the peer has those that were taken, says why
    /// it ends, and gives how it ended. What the peer still sends meanwhile can be read.
    pub async fn close(&self, code: CloseCode, reason: &str, patience: Duration) -> Ended {
        self.begin_close(code, reason, patience);
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if let Some(ended) = state.ended(self.id) {
                return Poll::Ready(ended);
            }
            state.park(self.id, cx);
            Poll::Pending
        })
        .await
    }

    /// The same without waiting for the end, which the other methods tell.
    pub fn begin_close(&self, code: CloseCode, reason: &str, patience: Duration) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.endpoint.close(now, self.id, code, reason, patience);
        state.take_events(now);
        drop(state);
        self.shared.wake.notify_one();
    }

    /// What it has counted. One that has ended is told as it was then, but for one that ended because
    /// nothing was heard of the peer.
    pub fn stats(&self) -> Option<Stats> {
        let mut state = self.shared.lock();
        let now = state.endpoint.stats(self.id);
        now.or_else(|| state.entry(self.id).last_stats)
    }

    /// Where it stands, until it is over.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.shared.lock().endpoint.snapshot(self.id)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let now = self.shared.now();
        self.shared.lock().leave(now, self.id);
        self.shared.wake.notify_one();
    }
}
