//! A handshake that we began.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ConnectionId, Endpoint};
use crate::check;
use crate::connection::Session;
use crate::event::{End, Event};
use crate::handshake::{self, Grants, Handshake, Start};
use crate::identity::{Identity, PublicKey};
use crate::limits::{FIRST_WAIT, HALF_OPEN_TIME, HANDSHAKE_TIME, LONGEST_WAIT};
use crate::packet::{self, Checked, MAC, Pattern};
use crate::time::Time;

/// What is known of it until the answer comes.
#[derive(Debug)]
pub(super) struct Opening {
    to: SocketAddr,
    /// The key that is expected of it.
    key: Option<PublicKey>,
    pattern: Pattern,
    handshake: Handshake,
    packet: Vec<u8>,
    grants: Grants,
    /// Whether the packet is to be sent.
    due: bool,
    /// When it was sent, if only once: then the answer tells the round trip.
    sent: Option<Time>,
    was_sent: bool,
    wait: Duration,
    next: Time,
    until: Time,
    /// Whether a cookie was given already: one that is not taken is not tried again and again.
    has_cookie: bool,
    held: Held,
}

/// Whether a handshake of the other side goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Never,
    Until(Time),
    /// It did, and came to nothing. Somebody who sends in the name of the peer can do so once.
    Before,
}

/// To whom, and with what.
pub(super) struct Call {
    pub(super) to: SocketAddr,
    pub(super) key: Option<PublicKey>,
    pub(super) index: u64,
    pub(super) ephemeral: [u8; 32],
    pub(super) grants: Grants,
}

/// An Answer as it came in.
pub(super) struct Answer<'a> {
    pub(super) to: u64,
    pub(super) index: u64,
    pub(super) noise: &'a [u8],
    pub(super) checked: Checked<'a>,
}

impl Opening {
    pub(super) fn new(now: Time, identity: &Identity, call: &Call) -> Self {
        let Call { to, key, index, ephemeral, grants } = *call;
        let pattern = if key.is_some() { Pattern::Ik } else { Pattern::Xx };
        let prologue = &handshake::prologue(pattern, index)[..];
        let start = Start { pattern, identity, prologue, ephemeral };
        let mut handshake = Handshake::opener(&start, key.as_ref());
        // The first message of XX is read by everybody.
        let payload = if key.is_some() { grants.write() } else { Vec::new() };
        // A key with which no secret can be had (RFC 7748 §6.1) is nobody's, so nobody answers.
        let noise = handshake.write(&payload).unwrap_or_default();
        let whom = key.map_or([0; packet::WHOM], |key| check::whom(&key, index));
        let packet = packet::write_open(pattern, index, whom, &noise, check::check);
        Self {
            to,
            key,
            pattern,
            handshake,
            packet,
            grants,
            due: true,
            sent: None,
            was_sent: false,
            wait: FIRST_WAIT,
            next: now + FIRST_WAIT,
            until: now + HANDSHAKE_TIME,
            has_cookie: false,
            held: Held::Never,
        }
    }

    /// When it is sent again, or given up.
    pub(super) fn next(&self) -> Time {
        let next = if let Held::Until(time) = self.held { time } else { self.next };
        next.min(self.until)
    }

    fn is_held(&self) -> bool {
        matches!(self.held, Held::Until(_))
    }

    /// Lets a handshake go first that the peer has begun. As long as it may take, ours says nothing and
    /// takes no Answer: else there could be two connections.
    pub(super) fn hold(&mut self, now: Time) {
        if self.held == Held::Never {
            self.held = Held::Until(now + HALF_OPEN_TIME);
            self.due = false;
        }
    }

    /// The packet, if it is to be sent.
    pub(super) fn take(&mut self, now: Time) -> Option<(SocketAddr, &[u8])> {
        if !std::mem::take(&mut self.due) {
            return None;
        }
        self.sent = if self.was_sent { None } else { Some(now) };
        self.was_sent = true;
        Some((self.to, &self.packet))
    }
}

impl Endpoint {
    pub(super) fn on_opening_timeout(&mut self, now: Time, index: u64) {
        let Some(opening) = self.opening.get_mut(&index) else { return };
        if now >= opening.until {
            self.end_opening(index, End::NoAnswer);
            return;
        }
        if let Held::Until(time) = opening.held
            && now >= time
        {
            opening.held = Held::Before;
            opening.next = now;
        }
        if !opening.is_held() && now >= opening.next {
            opening.wait = (2 * opening.wait).min(LONGEST_WAIT);
            opening.next = now + opening.wait;
            opening.due = true;
            self.schedule.wake(index);
        }
        self.schedule.set(index, Some(opening.next()));
    }

    pub(super) fn on_answer(&mut self, now: Time, from: SocketAddr, answer: &Answer<'_>) {
        let Answer { to: index, index: to, noise, checked } = *answer;
        let opening = self.opening.get_mut(&index);
        let opening = opening.filter(|opening| opening.to == from && !opening.is_held());
        let Some(opening) = opening else {
            self.counts.astray += 1;
            return;
        };
        // Damage would be found out below as well, but could leave a handshake that cannot go on.
        if !check::is_whole(checked) {
            self.counts.unreadable += 1;
            return;
        }
        let Some(payload) = opening.handshake.read(noise) else {
            self.counts.unreadable += 1;
            return;
        };
        let Ok(grants) = Grants::read(&payload) else {
            self.counts.unreadable += 1;
            return;
        };
        let confirm = match opening.pattern {
            Pattern::Ik => None,
            Pattern::Xx => {
                let Some(noise) = opening.handshake.write(&opening.grants.write()) else { return };
                Some(packet::write_confirm(to, &noise, check::check))
            }
        };
        // With the third message of XX the handshake is at its end, and not before.
        let Some(agreed) = opening.handshake.agree(grants) else {
            self.counts.unreadable += 1;
            return;
        };
        let round_trip = opening.sent.map(|sent| now.since(sent));
        let (address, incoming) = (from, false);
        let session = Session { agreed, address, to, round_trip, confirm, incoming };
        self.remove_opening(index);
        self.establish(now, index, session);
    }

    /// A first packet came from somebody whom we call, with this index. Gives whether it is answered: of
    /// two that cross, the one with the lower index goes on.
    pub(super) fn goes_first(&mut self, now: Time, from: SocketAddr, index: u64) -> bool {
        let Some(&(_, ours)) = self.calls.range((from, 0)..=(from, u64::MAX)).next() else {
            return true;
        };
        let Some(opening) = self.opening.get_mut(&ours) else { return true };
        if index < ours {
            opening.hold(now);
            self.schedule.set(ours, Some(opening.next()));
            return true;
        }
        if !opening.is_held() && !opening.due {
            // He is there now. One packet for one packet, of the same length.
            opening.due = true;
            self.schedule.wake(ours);
        }
        false
    }

    /// The peer there, with this key, has a connection that it began: we need not go on calling it.
    pub(super) fn end_crossed(&mut self, from: SocketAddr, key: &PublicKey) {
        let calls = self.calls.range((from, 0)..=(from, u64::MAX));
        let calls: Vec<u64> = calls.map(|(_, index)| *index).collect();
        for index in calls {
            let expected = self.opening.get(&index).and_then(|opening| opening.key);
            if expected.is_none_or(|expected| expected == *key) {
                self.end_opening(index, End::Crossed);
            }
        }
    }

    /// The other side is busy: it wants to see that we are where we say.
    pub(super) fn on_retry(&mut self, now: Time, from: SocketAddr, index: u64, cookie: &[u8; MAC]) {
        let opening = self.opening.get_mut(&index);
        let is_awaited =
            |opening: &&mut Opening| opening.to == from && !opening.due && !opening.is_held();
        let Some(opening) = opening.filter(is_awaited) else {
            self.counts.astray += 1;
            return;
        };
        packet::set_cookie(&mut opening.packet, cookie);
        // At once for the first one. Others are sent when the time comes, so a Retry cannot make us send
        // faster than without.
        if !opening.has_cookie {
            opening.has_cookie = true;
            opening.due = true;
            // The answer can only be one to what is sent now.
            opening.was_sent = false;
            opening.next = now + opening.wait;
            self.schedule.set(index, Some(opening.next()));
            self.schedule.wake(index);
        }
    }

    pub(super) fn on_wrong_key(&mut self, from: SocketAddr, index: u64) {
        let is_ours = |opening: &Opening| opening.to == from && opening.pattern == Pattern::Ik;
        if self.opening.get(&index).is_some_and(is_ours) {
            self.end_opening(index, End::WrongKey);
        } else {
            self.counts.astray += 1;
        }
    }

    /// The owner does not want to wait for the answer any more.
    pub(super) fn give_up_opening(&mut self, index: u64) {
        self.end_opening(index, End::Closed);
    }

    fn end_opening(&mut self, index: u64, end: End) {
        if self.remove_opening(index) {
            self.schedule.set(index, None);
            let ended = Event::Ended { end, unconfirmed: 0 };
            self.events.push_back((ConnectionId(index), ended));
        }
    }

    /// Whether there was one.
    pub(super) fn remove_opening(&mut self, index: u64) -> bool {
        let Some(opening) = self.opening.remove(&index) else { return false };
        self.calls.remove(&(opening.to, index));
        true
    }
}
