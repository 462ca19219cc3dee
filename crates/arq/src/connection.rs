//! A connection with one peer, from the moment that both have keys.
//!
//! It is driven by its [`crate::Endpoint`]: packets and timeouts go in, packets and events come out.
//!
//! | question | file |
//! |---|---|
//! | What happens with a packet that comes in? | `receive` |
//! | What goes into the next packet? | `transmit` |
//! | What follows from an acknowledgement, a loss, a silence? | `recovery` |
//! | When must something happen by itself? | `timers` |

mod receive;
mod recovery;
mod timers;
mod transmit;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::acks::Acks;
use crate::channel::Channel;
use crate::config::Config;
use crate::congestion::Controller;
use crate::event::{CloseCode, End, Event, Fault, SendError, Snapshot, Stats};
use crate::handshake::{Agreed, Grants};
use crate::identity::PublicKey;
use crate::idle::Idle;
use crate::keys::{OpeningKeys, SealingKey};
use crate::life::{Life, Turn};
use crate::limits::MAX_REASON;
use crate::loss::LossDetection;
use crate::messages::Messages;
use crate::pacer::Pacer;
use crate::path::Path;
use crate::replay::Replay;
use crate::rtt::Rtt;
use crate::sent::Sent;
use crate::time::Time;

/// What a connection begins with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) agreed: Agreed,
    pub(crate) address: SocketAddr,
    /// The index by which the peer is addressed.
    pub(crate) to: u64,
    /// How long the answer took, if that is known.
    pub(crate) round_trip: Option<Duration>,
    /// The Confirm that goes until the peer has shown that it has it.
    pub(crate) confirm: Option<Vec<u8>>,
    pub(crate) incoming: bool,
}

#[derive(Debug)]
pub(crate) struct Connection {
    peer: PublicKey,
    to: u64,
    sealing: SealingKey,
    opening: OpeningKeys,
    replay: Replay,
    path: Path,
    /// The host that was proven last.
    proven_ip: IpAddr,
    confirm: Option<Confirm>,

    acks: Acks,
    /// Packets since the last one that wanted an answer.
    acks_alone: u32,
    sent: Sent,
    /// Packets until a number is left out.
    skip_in: u64,
    rtt: Rtt,
    loss: LossDetection,
    controller: Box<dyn Controller>,
    pacer: Pacer,
    /// Until when pacing holds back what there is.
    paced: Option<Time>,
    probing: Probing,
    /// Whether the peer is to be asked for a sign of life.
    ping: bool,

    messages: Messages,
    idle: Idle,
    life: Life,
    closing: Closing,
    stats: Stats,
}

/// The third message of XX, until it is known to have arrived.
#[derive(Debug)]
struct Confirm {
    packet: Vec<u8>,
    sent: Option<Time>,
}

/// Probe timeouts (RFC 9002 §6.2).
#[derive(Debug, Default)]
struct Probing {
    /// How many were in vain, one after the other.
    count: u32,
    /// Packets that may go although the window is full.
    due: u8,
    last: Option<Time>,
}

/// How it is said that it is over.
#[derive(Debug, Default)]
struct Closing {
    code: u64,
    reason: String,
    /// Whether a Close is to be sent.
    due: bool,
    /// When it is sent again.
    again: Option<Time>,
    /// When the peer is not waited for any more: by a flush, then by the end.
    until: Option<Time>,
    /// Packets of the peer since: each power of two is answered (RFC 9000 §10.2.1).
    heard: u64,
}

impl Connection {
    pub(crate) fn new(now: Time, config: &Config, ours: Grants, session: Session) -> Self {
        let mut rtt = Rtt::new();
        if let Some(round_trip) = session.round_trip {
            rtt.on_sample(round_trip, Duration::ZERO);
        }
        let Agreed { peer, send, receive, grants: theirs } = session.agreed;
        let mut messages = Messages::new(ours, theirs, config.send_buffer);
        let incoming = session.incoming;
        messages.events.push_back(Event::Established { peer, incoming });
        Self {
            peer,
            to: session.to,
            sealing: SealingKey::new(now, &send),
            opening: OpeningKeys::new(&receive),
            replay: Replay::new(),
            path: Path::new(session.address),
            proven_ip: session.address.ip(),
            confirm: session.confirm.map(|packet| Confirm { packet, sent: None }),
            acks: Acks::default(),
            acks_alone: 0,
            sent: Sent::default(),
            skip_in: 0,
            rtt,
            loss: LossDetection::new(),
            controller: (config.controller)(),
            pacer: Pacer::new(now),
            paced: None,
            probing: Probing::default(),
            // The answerer learns from the first packet that it speaks to no replay.
            ping: !incoming,
            messages,
            idle: Idle::new(now, ours.idle.min(theirs.idle), config.keepalive),
            life: Life::Open,
            closing: Closing::default(),
            stats: Stats::default(),
        }
    }

    pub(crate) fn peer(&self) -> PublicKey {
        self.peer
    }

    pub(crate) fn send(&mut self, channel: Channel, data: Bytes) -> Result<u64, SendError> {
        if self.life != Life::Open {
            return Err(SendError::NotOpen);
        }
        self.messages.send(channel, data)
    }

    pub(crate) fn send_unreliable(&mut self, channel: u8, data: Bytes) -> Result<(), SendError> {
        if self.life != Life::Open {
            return Err(SendError::NotOpen);
        }
        self.messages.send_unreliable(channel, data)
    }

    pub(crate) fn read(&mut self, channel: Channel) -> Option<Bytes> {
        self.messages.read(channel)
    }

    pub(crate) fn read_unreliable(&mut self) -> Option<(u8, Bytes)> {
        self.messages.read_unreliable()
    }

    /// Says nothing new, waits until all is confirmed or `until`, and then closes.
    pub(crate) fn close(&mut self, now: Time, code: CloseCode, reason: &str, until: Time) {
        if self.turn(Turn::Close) {
            self.closing.code = code.number();
            self.closing.reason = cut(reason);
            self.closing.until = Some(until);
            self.close_if_flushed(now);
        }
    }

    pub(crate) fn pop_event(&mut self) -> Option<Event> {
        self.messages.events.pop_front()
    }

    /// Whether nothing is left of it: it is over, and nobody reads from it any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.life == Life::Gone && !self.messages.is_readable() && self.messages.events.is_empty()
    }

    /// Whether it may still send or receive.
    pub(crate) fn is_alive(&self) -> bool {
        self.life != Life::Gone
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            again_bytes: self.messages.again_bytes,
            dropped: self.messages.dropped(),
            key_changes: self.sealing.changes(),
            ..self.stats
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            in_flight: self.sent.in_flight(),
            window: self.controller.window(),
            round_trip: self.rtt.has_sample().then(|| self.rtt.smoothed()),
            min_round_trip: self.rtt.has_sample().then(|| self.rtt.min()),
            address: self.path.address(),
            is_proven: self.path.is_proven(),
            unread: self.messages.unread(),
            unconfirmed: self.messages.unconfirmed(),
        }
    }

    fn close_if_flushed(&mut self, now: Time) {
        if self.life == Life::Flushing && self.messages.is_done() {
            self.say_close(now, Turn::Confirmed, End::Closed);
        }
    }

    /// The peer broke the protocol.
    fn fail(&mut self, now: Time, fault: Fault) {
        self.closing.code = CloseCode::Protocol.number();
        self.closing.reason = fault.to_string();
        self.say_close(now, Turn::Fault, End::Protocol(fault));
    }

    fn say_close(&mut self, now: Time, turn: Turn, end: End) {
        if self.end(turn, end) {
            self.closing.due = true;
            self.closing.again = Some(now + self.rtt.probe_timeout());
            self.closing.until = Some(now + 3 * self.rtt.probe_timeout());
        }
    }

    /// Takes the turn, if it changes anything.
    fn turn(&mut self, turn: Turn) -> bool {
        let after = self.life.after(turn);
        self.life = after.unwrap_or(self.life);
        after.is_some()
    }

    /// Takes the turn, and tells how it ended.
    fn end(&mut self, turn: Turn, end: End) -> bool {
        if !self.turn(turn) {
            return false;
        }
        let unconfirmed = self.messages.unconfirmed();
        self.messages.events.push_back(Event::Ended { end, unconfirmed });
        true
    }
}

/// The reason, as much of it as may be sent.
fn cut(reason: &str) -> String {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

#[cfg(test)]
mod tests;
