//! A handshake that another began.

use std::net::SocketAddr;

use super::Endpoint;
use super::half_open::{HalfOpen, Stage};
use crate::check;
use crate::connection::Session;
use crate::handshake::{self, Agreed, Grants, Handshake, Start};
use crate::keys::OpeningKeys;
use crate::limits::MAX_DATAGRAM;
use crate::packet::{self, Checked, DataHeader, Open, Pattern};
use crate::time::Time;

impl Endpoint {
    /// A first packet: the cheap questions come first, and what it costs comes last.
    pub(super) fn on_open(&mut self, now: Time, from: SocketAddr, open: &Open<'_>) {
        if !check::is_whole(open.checked) {
            self.counts.unreadable += 1;
            return;
        }
        let is_for_us = match open.pattern {
            Pattern::Ik => open.whom == check::whom(&self.identity.public(), open.from),
            Pattern::Xx => open.whom == [0; packet::WHOM],
        };
        if !is_for_us {
            self.counts.wrong_key += 1;
            self.reply(from, packet::write_wrong_key(open.from));
            return;
        }
        self.half_open.expire(now);
        if let Some(half_open) = self.half_open.of_origin(from, open.from) {
            let answer = half_open.answer.clone();
            self.reply(from, answer);
            return;
        }
        if !self.goes_first(now, from, open.from) {
            return;
        }
        if self.half_open.wants_cookies() {
            self.cookies.refresh(now, &mut self.random);
            if !self.cookies.is_ours(&open.cookie, from, open.from) {
                self.counts.cookies += 1;
                let cookie = self.cookies.make(from, open.from);
                self.reply(from, packet::write_retry(open.from, &cookie));
                return;
            }
        }
        if !self.half_open.has_room(from) || self.is_full() {
            self.counts.refused += 1;
            return;
        }
        self.answer(now, from, open);
    }

    fn answer(&mut self, now: Time, from: SocketAddr, open: &Open<'_>) {
        self.counts.computed += 1;
        let pattern = open.pattern;
        let prologue = &handshake::prologue(pattern, open.from)[..];
        let ephemeral = self.random.bytes();
        let start = Start { pattern, identity: &self.identity, prologue, ephemeral };
        let mut handshake = Handshake::answerer(&start);
        let Some(payload) = handshake.read(open.noise) else {
            self.counts.unreadable += 1;
            self.half_open.note_forged(now, from);
            return;
        };
        let Some(noise) = handshake.write(&self.grants().write()) else {
            self.half_open.note_forged(now, from);
            return;
        };
        let stage = match pattern {
            Pattern::Xx => Stage::Xx(Box::new(handshake)),
            Pattern::Ik => {
                let grants = Grants::read(&payload).ok();
                let Some(agreed) = grants.and_then(|grants| handshake.agree(grants)) else {
                    self.counts.unreadable += 1;
                    self.half_open.note_forged(now, from);
                    return;
                };
                Stage::Ik(agreed)
            }
        };
        let index = self.random.u64();
        let answer = packet::write_answer(open.from, index, &noise, check::check);
        self.reply(from, answer.clone());
        self.half_open.insert(now, index, HalfOpen { from, to: open.from, answer, stage });
    }

    /// A Data packet that belongs to no connection: it may be the first one of a handshake by IK.
    pub(super) fn on_first_data(
        &mut self,
        now: Time,
        from: SocketAddr,
        header: DataHeader,
        datagram: &mut [u8],
    ) {
        let half_open = self.half_open.get(header.to);
        let Some(Stage::Ik(agreed)) = half_open.map(|half_open| &half_open.stage) else {
            self.counts.astray += 1;
            return;
        };
        // It is opened twice, because a connection is only made for a packet that opens.
        let mut copy = [0; MAX_DATAGRAM];
        let copy = &mut copy[..datagram.len()];
        copy.copy_from_slice(datagram);
        let mut keys = OpeningKeys::new(&agreed.receive);
        if keys.open(now, std::time::Duration::ZERO, header, copy).is_none() {
            self.counts.unreadable += 1;
            return;
        }
        if self.is_full() {
            self.counts.refused += 1;
            return;
        }
        let Some(HalfOpen { to, stage, .. }) = self.half_open.remove(header.to) else { return };
        let Stage::Ik(agreed) = stage else { return };
        self.accept(now, header.to, (from, to), agreed);
        if let Some(connection) = self.connections.get_mut(&header.to) {
            connection.handle(now, &mut self.random, from, header, datagram);
            self.after(header.to);
        }
    }

    /// The third message of XX.
    pub(super) fn on_confirm(&mut self, now: Time, index: u64, noise: &[u8], checked: Checked<'_>) {
        let is_full = self.is_full();
        let Some(half_open) = self.half_open.get_mut(index) else {
            self.counts.astray += 1;
            return;
        };
        let Stage::Xx(handshake) = &mut half_open.stage else { return };
        // Damage must not reach the handshake: it could not go on after it.
        if !check::is_whole(checked) {
            self.counts.unreadable += 1;
            return;
        }
        // Neither must what comes while there is no place: it comes again.
        if is_full {
            self.counts.refused += 1;
            return;
        }
        let payload = handshake.read(noise);
        let grants = payload.and_then(|payload| Grants::read(&payload).ok());
        let Some(agreed) = grants.and_then(|grants| handshake.agree(grants)) else {
            self.counts.unreadable += 1;
            self.half_open.remove(index);
            return;
        };
        let Some(HalfOpen { from, to, .. }) = self.half_open.remove(index) else { return };
        self.accept(now, index, (from, to), agreed);
    }

    /// A handshake that another began is done: he is at `address`, and gave himself the index `to`.
    fn accept(&mut self, now: Time, index: u64, (address, to): (SocketAddr, u64), agreed: Agreed) {
        let (round_trip, confirm, incoming) = (None, None, true);
        let peer = agreed.peer;
        let session = Session { agreed, address, to, round_trip, confirm, incoming };
        self.establish(now, index, session);
        self.end_crossed(address, &peer);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::Config;
    use crate::identity::Identity;
    use crate::limits::COOKIE_FROM;
    use crate::random::Seeded;

    /// Sends it from many addresses, and tells how often the handshake was computed.
    fn computed(server: &mut Endpoint, packet: &[u8]) -> u64 {
        for port in 0..COOKIE_FROM * 2 {
            let host = u8::try_from(port / 8).unwrap();
            let from = SocketAddr::from(([192, 0, 2, host], u16::try_from(port).unwrap()));
            server.handle_datagram(Time::ZERO, from, &mut packet.to_vec());
        }
        assert_eq!(server.half_open(), 0);
        server.counts().computed
    }

    /// What can be read and not answered has cost as much as what cannot be read.
    #[test]
    fn a_first_packet_that_cannot_be_answered_counts_as_forged() {
        for pattern in [Pattern::Ik, Pattern::Xx] {
            let random = Box::new(Seeded::new(1));
            let identity = Identity::from_secret(&[1; 32]);
            let mut server = Endpoint::new(Time::ZERO, identity, Config::default(), random);
            let key = server.public_key();
            let noise = match pattern {
                // A grant is cut.
                Pattern::Ik => {
                    let identity = &Identity::from_secret(&[2; 32]);
                    let prologue = &handshake::prologue(pattern, 7)[..];
                    let start = Start { pattern, identity, prologue, ephemeral: [3; 32] };
                    Handshake::opener(&start, Some(&key)).write(&[1, 2]).unwrap()
                }
                // With a key of zeros no secret can be had (RFC 7748 §6.1).
                Pattern::Xx => vec![0; 32],
            };
            let whom = match pattern {
                Pattern::Ik => check::whom(&key, 7),
                Pattern::Xx => [0; packet::WHOM],
            };
            let packet = packet::write_open(pattern, 7, whom, &noise, check::check);
            assert_eq!(computed(&mut server, &packet), COOKIE_FROM as u64, "{pattern:?}");
        }
    }
}
