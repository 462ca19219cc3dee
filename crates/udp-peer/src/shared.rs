//! What do the task that drives an endpoint and the connections of its owner share?

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use arq::{Channel, CloseCode, ConnectionId, End, Endpoint, Event, PublicKey, Stats, Time};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::limits::{MAX_NEWS, MAX_WAITING};
use crate::plain::{Unreachable, What};

/// The endpoint, and who waits for what in it.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes the driver: there may be something to send.
    pub(crate) wake: Notify,
    pub(crate) clock: Clock,
}

pub(crate) struct State {
    pub(crate) endpoint: Endpoint,
    entries: HashMap<ConnectionId, Entry>,
    /// Connections that others began and that nobody has accepted.
    waiting: VecDeque<ConnectionId>,
    acceptors: Vec<Waker>,
    /// Who waits until nothing is under way any more.
    finishers: Vec<Waker>,
    /// Why the socket can be used no more.
    broken: Option<(io::ErrorKind, String)>,
}

/// A connection as its owner knows it.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) peer: Option<PublicKey>,
    pub(crate) incoming: bool,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) ended: Option<Ended>,
    /// What it had counted when it ended, if it was still there to be asked.
    pub(crate) last_stats: Option<Stats>,
    pub(crate) news: VecDeque<News>,
    /// Whether the owner wants to hear of each confirmation.
    pub(crate) tells_confirmed: bool,
    /// Channels on which something has ever come.
    readable: Vec<Channel>,
    /// Whether nobody has it any more.
    is_left: bool,
    wakers: Vec<Waker>,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub end: End,
    /// How many of our reliable messages were not confirmed: the peer may have them or not.
    pub unconfirmed: usize,
}

/// What is told of a connection beside its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// The peer has a message. It is told where that was asked for ([`crate::Connection::tell_confirmed`]).
    Confirmed {
        /// The channel.
        channel: Channel,
        /// The message's number.
        number: u64,
    },
    /// The peer has proven to have another address now.
    Moved(SocketAddr),
    /// The peer, or a machine on the way, has answered that a datagram did not arrive. It may be anybody's
    /// word (RFC 8085 §5.2), so it ends nothing.
    Unreachable(What),
}

impl Shared {
    pub(crate) fn new(endpoint: Endpoint, clock: Clock) -> Arc<Self> {
        let state = State {
            endpoint,
            entries: HashMap::new(),
            waiting: VecDeque::new(),
            acceptors: Vec::new(),
            finishers: Vec::new(),
            broken: None,
        };
        Arc::new(Self { state: Mutex::new(state), wake: Notify::new(), clock })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held is a fault of ours, which the task that had it tells.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }
}

impl State {
    pub(crate) fn entry(&mut self, id: ConnectionId) -> &mut Entry {
        self.entries.entry(id).or_default()
    }

    /// How it ended, or why it can go on no more.
    pub(crate) fn ended(&mut self, id: ConnectionId) -> Option<Ended> {
        let is_broken = self.broken.is_some();
        let entry = self.entry(id);
        entry.ended.clone().or_else(|| {
            let unconfirmed = 0;
            is_broken.then_some(Ended { end: End::Silence, unconfirmed })
        })
    }

    /// Wakes `cx` when something happens to the connection.
    pub(crate) fn park(&mut self, id: ConnectionId, cx: &Context<'_>) {
        add(&mut self.entry(id).wakers, cx);
    }

    pub(crate) fn park_acceptor(&mut self, cx: &Context<'_>) {
        add(&mut self.acceptors, cx);
    }

    pub(crate) fn park_finisher(&mut self, cx: &Context<'_>) {
        add(&mut self.finishers, cx);
    }

    pub(crate) fn next_waiting(&mut self) -> Option<ConnectionId> {
        self.waiting.pop_front()
    }

    pub(crate) fn broken(&self) -> Option<io::Error> {
        let (kind, words) = self.broken.as_ref()?;
        Some(io::Error::new(*kind, words.clone()))
    }

    /// The socket has failed: nothing comes or goes any more.
    pub(crate) fn break_with(&mut self, error: &io::Error) {
        self.broken = Some((error.kind(), error.to_string()));
        let of_connections = self.entries.values_mut().flat_map(|entry| entry.wakers.drain(..));
        let others = self.acceptors.drain(..).chain(self.finishers.drain(..));
        of_connections.chain(others).for_each(Waker::wake);
    }

    /// Nobody has the connection any more: it ends, and what still comes on it is dropped.
    pub(crate) fn leave(&mut self, now: Time, id: ConnectionId) {
        self.endpoint.close(now, id, CloseCode::Done, "", std::time::Duration::ZERO);
        let entry = self.entry(id);
        entry.is_left = true;
        if entry.ended.is_some() {
            self.remove(id);
        } else {
            self.drain(id);
        }
        self.take_events(now);
    }

    /// Acts on what the endpoint tells.
    pub(crate) fn take_events(&mut self, now: Time) {
        while let Some((id, event)) = self.endpoint.poll_event() {
            self.take_event(now, id, event);
        }
        if !self.finishers.is_empty() && !self.endpoint.is_busy() {
            self.finishers.drain(..).for_each(Waker::wake);
        }
    }

    /// An answer that a datagram did not arrive, for everybody who may have sent it.
    pub(crate) fn tell_unreachable(&mut self, unreachable: Unreachable) {
        let Unreachable { peer, what } = unreachable;
        for entry in self.entries.values_mut() {
            if entry.address == Some(peer) && entry.ended.is_none() {
                entry.tell(News::Unreachable(what));
                entry.wakers.drain(..).for_each(Waker::wake);
            }
        }
    }

    fn take_event(&mut self, now: Time, id: ConnectionId, event: Event) {
        let Self { endpoint, entries, .. } = self;
        let entry = entries.entry(id).or_default();
        match event {
            Event::Established { peer, incoming } => {
                entry.peer = Some(peer);
                entry.incoming = incoming;
                entry.address = endpoint.snapshot(id).map(|snapshot| snapshot.address);
                if incoming {
                    return self.arrive(now, id);
                }
            }
            Event::Readable(channel) => {
                if !entry.readable.contains(&channel) {
                    entry.readable.push(channel);
                }
            }
            Event::Confirmed { channel, number } => {
                if entry.tells_confirmed {
                    entry.news.push_back(News::Confirmed { channel, number });
                }
            }
            Event::Writable | Event::UnreliableReadable => {}
            Event::Moved { to } => {
                entry.address = Some(to);
                entry.tell(News::Moved(to));
            }
            Event::Ended { end, unconfirmed } => {
                entry.last_stats = endpoint.stats(id);
                entry.ended = Some(Ended { end, unconfirmed });
            }
        }
        entry.wakers.drain(..).for_each(Waker::wake);
        if entry.is_left {
            self.drain(id);
            if self.entry(id).ended.is_some() {
                self.entries.remove(&id);
            }
        }
    }

    /// Somebody has begun a connection.
    fn arrive(&mut self, now: Time, id: ConnectionId) {
        if self.waiting.len() >= MAX_WAITING {
            let patience = std::time::Duration::ZERO;
            self.endpoint.close(now, id, CloseCode::Refused, "too many wait here", patience);
            self.entry(id).is_left = true;
            return;
        }
        self.waiting.push_back(id);
        self.acceptors.drain(..).for_each(Waker::wake);
    }

    /// Drops what has come on a connection that nobody has: else it would be kept for ever.
    fn drain(&mut self, id: ConnectionId) {
        let entry = self.entries.entry(id).or_default();
        for channel in &entry.readable {
            while self.endpoint.read(id, *channel).is_some() {}
        }
        while self.endpoint.read_unreliable(id).is_some() {}
    }

    fn remove(&mut self, id: ConnectionId) {
        self.drain(id);
        self.entries.remove(&id);
    }
}

impl Entry {
    /// Tells something that may be left out when nobody listens.
    fn tell(&mut self, news: News) {
        let told = self.news.iter().filter(|news| !matches!(news, News::Confirmed { .. })).count();
        if told < MAX_NEWS {
            self.news.push_back(news);
        }
    }
}

fn add(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("connections", &self.entries.len()).finish_non_exhaustive()
    }
}
