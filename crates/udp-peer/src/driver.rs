//! Who calls the protocol when something happens?
//!
//! One task for one socket, whatever the number of its peers. Everything that may wait, waits here: for
//! datagrams, for the time that a connection asks for, for room in the socket, and for the owner.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::select;
use tokio::time::{sleep, sleep_until};

use crate::batches::{Batch, Batches, REST};
use crate::limits::{RECEIVES_IN_A_ROW, SENDS_IN_A_ROW};
use crate::shared::Shared;

/// An endpoint with its socket.
#[derive(Debug)]
pub(crate) struct Driver {
    shared: Arc<Shared>,
    batches: Batches,
    batch: Batch,
    /// The datagram that was written and fits into the batch no more.
    next: Option<SocketAddr>,
    datagram: Vec<u8>,
    /// Whether the socket took no more.
    is_full: bool,
    /// How many errors of the socket came one after the other.
    errors: u32,
}

/// How many errors of the socket in a row end it, each of which says nothing of a datagram: 100, so that a
/// second without memory for buffers ends nothing.
const MAX_ERRORS: u32 = 100;

/// Whoever waits for something is not to wait for ever where nobody drives: also after a panic.
impl Drop for Driver {
    fn drop(&mut self) {
        let gone =
            io::Error::new(io::ErrorKind::NotConnected, "nobody drives the endpoint any more");
        let mut state = self.shared.lock();
        if state.broken().is_none() {
            state.break_with(&gone);
        }
    }
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, batches: Batches) -> Self {
        Self {
            shared,
            batches,
            batch: Batch::default(),
            next: None,
            datagram: Vec::new(),
            is_full: false,
            errors: 0,
        }
    }

    /// Drives until the socket fails.
    pub(crate) async fn run(mut self) {
        loop {
            if let Err(error) = self.turn().await {
                self.errors += 1;
                if self.errors >= MAX_ERRORS {
                    self.shared.lock().break_with(&error);
                    return;
                }
                sleep(REST).await;
            }
        }
    }

    async fn turn(&mut self) -> io::Result<()> {
        // First what has come: after a time in which nobody ran us, it is what keeps connections alive,
        // and the time would end them.
        let has_more = self.receive()?;
        self.errors = 0;
        self.time();
        let sends_more = self.send()?;
        if has_more || (sends_more && !self.is_full) {
            tokio::task::yield_now().await;
            return Ok(());
        }
        self.wait().await
    }

    /// Takes what has come; whether there may be more.
    fn receive(&mut self) -> io::Result<bool> {
        let Self { shared, batches, .. } = self;
        for _ in 0..RECEIVES_IN_A_ROW {
            while let Some(unreachable) = batches.unreachable()? {
                shared.lock().tell_unreachable(unreachable);
            }
            let now = shared.now();
            let mut state = shared.lock();
            let received = batches.receive(|from, datagram| {
                state.endpoint.handle_datagram(now, from, datagram);
            });
            state.take_events(now);
            if !received? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn time(&self) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        if state.endpoint.poll_timeout().is_some_and(|time| time <= now) {
            state.endpoint.handle_timeout(now);
            state.take_events(now);
        }
    }

    /// Sends what there is; whether there may be more.
    fn send(&mut self) -> io::Result<bool> {
        let mut left = SENDS_IN_A_ROW;
        loop {
            let more = self.fill(&mut left);
            if self.batch.is_empty() {
                return Ok(false);
            }
            match self.batches.send(&self.batch) {
                Ok(()) => self.is_full = false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // It goes when there is room.
                    self.is_full = true;
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
            self.batch.clear();
            if !more || left == 0 {
                return Ok(more);
            }
        }
    }

    /// Fills the batch; whether something is left.
    fn fill(&mut self, left: &mut usize) -> bool {
        let Self { shared, batches, batch, next, datagram, is_full, .. } = self;
        if *is_full && !batch.is_empty() {
            return true;
        }
        let most = batches.segments();
        let now = shared.now();
        let mut state = shared.lock();
        let mut more = true;
        while *left > 0 {
            let Some(to) = next.take().or_else(|| state.endpoint.poll_transmit(now, datagram))
            else {
                more = false;
                break;
            };
            if !batch.takes(to, datagram.len(), most) {
                *next = Some(to);
                break;
            }
            batch.push(to, datagram);
            *left -= 1;
        }
        // Sending ends connections too: a last word that is sent.
        state.take_events(now);
        more
    }

    async fn wait(&mut self) -> io::Result<()> {
        let Self { shared, batches, is_full, .. } = self;
        let timeout = shared.lock().endpoint.poll_timeout();
        let until = timeout.and_then(|time| shared.clock.instant(time));
        let timer = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
        };
        let room = async { if *is_full { batches.writable().await } else { pending().await } };
        select! {
            ready = batches.readable() => ready,
            room = room => room,
            () = timer => Ok(()),
            () = shared.wake.notified() => Ok(()),
        }
    }
}
