//! All connections of one socket.

mod accepting;
mod half_open;
mod opening;
mod schedule;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::channel::Channel;
use crate::check::Cookies;
use crate::config::Config;
use crate::connection::{Connection, Session};
use crate::event::{CloseCode, Event, SendError, Snapshot, Stats};
use crate::handshake::Grants;
use crate::identity::{Identity, PublicKey};
use crate::limits::{MAX_CONNECTIONS, MAX_DATAGRAM, MAX_REPLIES};
use crate::packet::{self, Packet};
use crate::random::{Random, Source};
use crate::time::Time;
use half_open::HalfOpens;
use opening::Opening;
use schedule::Schedule;

/// All connections of one socket, as a state machine.
///
/// It owns no socket and no clock. Its owner
///
/// 1. gives it what happens: [`Endpoint::handle_datagram`], [`Endpoint::handle_timeout`], and what the
///    application wants ([`Endpoint::connect`], [`Endpoint::send`], [`Endpoint::read`],
///    [`Endpoint::close`]);
/// 2. sends what [`Endpoint::poll_transmit`] gives, until it gives nothing;
/// 3. acts on what [`Endpoint::poll_event`] tells, until it tells nothing, and goes on with 2 if that led
///    to a call of 1;
/// 4. waits for a datagram, for the application, or until [`Endpoint::poll_timeout`].
///
/// `now` never goes backwards. The same calls with the same random bytes give the same datagrams.
#[derive(Debug)]
pub struct Endpoint {
    identity: Identity,
    config: Config,
    random: Source,
    cookies: Cookies,
    /// Boxed, because a node of the map has room for eleven, and half of them are empty.
    connections: BTreeMap<u64, Box<Connection>>,
    /// Handshakes that we began.
    opening: BTreeMap<u64, Opening>,
    /// The same by whom they call.
    calls: BTreeSet<(SocketAddr, u64)>,
    /// Handshakes that others began.
    half_open: HalfOpens,
    /// Answers to first packets, for which nothing else is kept.
    replies: VecDeque<(SocketAddr, Vec<u8>)>,
    schedule: Schedule,
    events: VecDeque<(ConnectionId, Event)>,
    counts: Counts,
}

/// Which connection of an endpoint. It is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

/// There are as many connections as there may be ([`MAX_CONNECTIONS`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there are {MAX_CONNECTIONS} connections, and no more may be")]
pub struct TooMany;

/// What an endpoint has counted that belongs to no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams that are no packet.
    pub unreadable: u64,
    /// Packets for nobody here.
    pub astray: u64,
    /// First packets that expect another key.
    pub wrong_key: u64,
    /// First packets that were answered with a cookie.
    pub cookies: u64,
    /// First packets that came while there was no room for one more.
    pub refused: u64,
    /// First packets whose handshake was computed: what each costs is some hundred microseconds.
    pub computed: u64,
}

impl Endpoint {
    /// One that proves to be `identity`.
    pub fn new(now: Time, identity: Identity, config: Config, random: Box<dyn Random>) -> Self {
        let mut random = Source::new(random);
        let cookies = Cookies::new(now, &mut random);
        Self {
            identity,
            config,
            random,
            cookies,
            connections: BTreeMap::new(),
            opening: BTreeMap::new(),
            calls: BTreeSet::new(),
            half_open: HalfOpens::default(),
            replies: VecDeque::new(),
            schedule: Schedule::default(),
            events: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Our own key.
    pub fn public_key(&self) -> PublicKey {
        self.identity.public()
    }

    /// Begins a connection. Where the peer begins one at the same time, one of the two comes to be, and
    /// [`crate::End::Crossed`] tells the side whose it is not.
    ///
    /// Nobody but the owner of `key` can answer it; without one anybody can, and
    /// [`Event::Established`] tells who did.
    pub fn connect(
        &mut self,
        now: Time,
        to: SocketAddr,
        key: Option<PublicKey>,
    ) -> Result<ConnectionId, TooMany> {
        if self.is_full() {
            return Err(TooMany);
        }
        let index = self.random.u64();
        let ephemeral = self.random.bytes();
        let grants = self.grants();
        let call = opening::Call { to, key, index, ephemeral, grants };
        let mut opening = Opening::new(now, &self.identity, &call);
        self.half_open.expire(now);
        if self.half_open.is_from(to) {
            // He was quicker: his handshake is under way.
            opening.hold(now);
        }
        self.schedule.set(index, Some(opening.next()));
        self.schedule.wake(index);
        self.opening.insert(index, opening);
        self.calls.insert((to, index));
        Ok(ConnectionId(index))
    }

    /// A datagram came from `from`. It may hold anything, and is changed as it is read.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: &mut [u8]) {
        if datagram.len() > MAX_DATAGRAM {
            self.counts.unreadable += 1;
            return;
        }
        let Ok(packet) = packet::parse(datagram) else {
            self.counts.unreadable += 1;
            return;
        };
        match packet {
            Packet::Data(header) => {
                if let Some(connection) = self.connections.get_mut(&header.to) {
                    connection.handle(now, &mut self.random, from, header, datagram);
                    self.after(header.to);
                } else {
                    self.on_first_data(now, from, header, datagram);
                }
            }
            Packet::Open(open) => self.on_open(now, from, &open),
            Packet::Answer { to, from: index, noise, checked } => {
                self.on_answer(now, from, &opening::Answer { to, index, noise, checked });
            }
            Packet::Confirm { to, noise, checked } => self.on_confirm(now, to, noise, checked),
            Packet::Retry { to, cookie } => self.on_retry(now, from, to, &cookie),
            Packet::WrongKey { to } => self.on_wrong_key(from, to),
        }
    }

    /// The time that [`Endpoint::poll_timeout`] gave has come. Called early or late it does no harm.
    pub fn handle_timeout(&mut self, now: Time) {
        // Each once: an acknowledgement stays due until it is sent.
        let due: Vec<u64> = std::iter::from_fn(|| self.schedule.due(now)).collect();
        for index in due {
            if let Some(connection) = self.connections.get_mut(&index) {
                connection.handle_timeout(now);
                self.after(index);
            } else {
                self.on_opening_timeout(now, index);
            }
        }
    }

    /// Writes the next datagram into `out`, in place of what was there, and tells where it goes.
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        if let Some((to, reply)) = self.replies.pop_front() {
            *out = reply;
            return Some(to);
        }
        while let Some(index) = self.schedule.next_ready() {
            if let Some(opening) = self.opening.get_mut(&index) {
                let Some((to, packet)) = opening.take(now) else { continue };
                out.clear();
                out.extend_from_slice(packet);
                return Some(to);
            }
            let Some(connection) = self.connections.get_mut(&index) else { continue };
            let to = connection.poll_transmit(now, &mut self.random, out);
            // It may have more; one that does not is asked once in vain.
            if to.is_some() {
                self.schedule.wake(index);
            }
            self.settle(index);
            if to.is_some() {
                return to;
            }
        }
        None
    }

    /// When [`Endpoint::handle_timeout`] is to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.schedule.next()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<(ConnectionId, Event)> {
        self.events.pop_front()
    }

    /// Sends a message that is kept until the peer has confirmed it ([`Event::Confirmed`]), and gives
    /// its number in the channel.
    pub fn send(
        &mut self,
        id: ConnectionId,
        channel: Channel,
        message: Bytes,
    ) -> Result<u64, SendError> {
        let connection = self.connections.get_mut(&id.0).ok_or(SendError::NotOpen)?;
        let sent = connection.send(channel, message);
        self.schedule.wake(id.0);
        sent
    }

    /// Sends a message once: it arrives or not, and maybe behind later ones. Of more than
    /// [`crate::limits::UNRELIABLE_QUEUE`] that wait the oldest is dropped.
    pub fn send_unreliable(
        &mut self,
        id: ConnectionId,
        channel: u8,
        message: Bytes,
    ) -> Result<(), SendError> {
        let connection = self.connections.get_mut(&id.0).ok_or(SendError::NotOpen)?;
        let sent = connection.send_unreliable(channel, message);
        self.schedule.wake(id.0);
        sent
    }

    /// The next message of a channel. Who reads slower than the peer sends makes the peer wait.
    pub fn read(&mut self, id: ConnectionId, channel: Channel) -> Option<Bytes> {
        let message = self.connections.get_mut(&id.0)?.read(channel);
        self.after(id.0);
        message
    }

    /// The next unreliable message, with its channel.
    pub fn read_unreliable(&mut self, id: ConnectionId) -> Option<(u8, Bytes)> {
        let message = self.connections.get_mut(&id.0)?.read_unreliable();
        self.after(id.0);
        message
    }

    /// Takes no more messages for sending, waits at most `patience` until those that were taken are
    /// confirmed, and says why it ends. What the peer still sends meanwhile is taken.
    pub fn close(
        &mut self,
        now: Time,
        id: ConnectionId,
        code: CloseCode,
        reason: &str,
        patience: Duration,
    ) {
        if let Some(connection) = self.connections.get_mut(&id.0) {
            connection.close(now, code, reason, now + patience);
            self.after(id.0);
        } else {
            self.give_up_opening(id.0);
        }
    }

    /// Forgets a connection at once, with everything that was not read. The peer is told nothing.
    pub fn forget(&mut self, id: ConnectionId) {
        self.connections.remove(&id.0);
        self.remove_opening(id.0);
        self.schedule.set(id.0, None);
    }

    /// The proven key of the peer.
    pub fn peer(&self, id: ConnectionId) -> Option<PublicKey> {
        Some(self.connections.get(&id.0)?.peer())
    }

    /// What a connection has counted.
    pub fn stats(&self, id: ConnectionId) -> Option<Stats> {
        Some(self.connections.get(&id.0)?.stats())
    }

    /// Where a connection stands.
    pub fn snapshot(&self, id: ConnectionId) -> Option<Snapshot> {
        Some(self.connections.get(&id.0)?.snapshot())
    }

    /// What belongs to no connection.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many handshakes others have begun and not finished.
    pub fn half_open(&self) -> usize {
        self.half_open.len()
    }

    /// Whether anything is still to be sent or waited for: a program that ends before loses the last
    /// words.
    pub fn is_busy(&self) -> bool {
        let alive = self.connections.values().any(|connection| connection.is_alive());
        alive || !self.opening.is_empty() || !self.replies.is_empty()
    }

    /// Whether there are as many connections as may be. One that is being opened has its place already.
    fn is_full(&self) -> bool {
        self.connections.len() + self.opening.len() >= MAX_CONNECTIONS
    }

    fn grants(&self) -> Grants {
        Grants {
            idle: self.config.idle,
            connection: self.config.connection_window,
            channel: self.config.channel_window,
        }
    }

    /// A handshake is done.
    fn establish(&mut self, now: Time, index: u64, session: Session) {
        let connection = Connection::new(now, &self.config, self.grants(), session);
        self.connections.insert(index, Box::new(connection));
        self.after(index);
    }

    fn reply(&mut self, to: SocketAddr, packet: Vec<u8>) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push_back((to, packet));
        }
    }

    /// Something happened to a connection: it may have something to send.
    fn after(&mut self, index: u64) {
        self.schedule.wake(index);
        self.settle(index);
    }

    /// Takes its events, its time, and itself if it is over.
    fn settle(&mut self, index: u64) {
        let Some(connection) = self.connections.get_mut(&index) else { return };
        while let Some(event) = connection.pop_event() {
            self.events.push_back((ConnectionId(index), event));
        }
        self.schedule.set(index, connection.poll_timeout());
        if connection.is_gone() {
            self.connections.remove(&index);
        }
    }
}
