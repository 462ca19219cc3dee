//! What happens with a packet that comes in.

use std::net::SocketAddr;

use super::Connection;
use crate::event::{End, Event, Fault};
use crate::frame::{self, Frame};
use crate::life::{Life, Turn};
use crate::packet::DataHeader;
use crate::random::Source;
use crate::time::Time;
use crate::varint::Reader;

impl Connection {
    /// Takes a Data packet. What cannot be opened changes nothing but a count: anybody can send it.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        random: &mut Source,
        from: SocketAddr,
        header: DataHeader,
        datagram: &mut [u8],
    ) {
        if !self.is_alive() {
            return;
        }
        if !self.replay.is_new(header.number) {
            self.stats.repeats += 1;
            return;
        }
        let size = datagram.len();
        let keep = 3 * self.rtt.probe_timeout();
        let Some(payload) = self.opening.open(now, keep, header, datagram) else {
            self.stats.unopened += 1;
            return;
        };
        self.replay.mark(header.number);
        self.stats.received += 1;
        self.stats.received_bytes += size as u64;
        self.confirm = None;
        self.idle.on_received(now);
        self.path.on_received(from, size);
        if self.life.is_talking() {
            let moved = from != self.path.address() && self.replay.is_highest(header.number);
            if moved {
                let until = now + 3 * self.rtt.probe_timeout();
                self.path.move_to(from, size, random.bytes(), until);
                // What is in flight may have gone to the old address, and must not hold back what finds
                // out about the new one.
                self.stats.probes += 1;
                self.probing.due = 2;
                self.probing.count = 0;
            }
            if let Err(fault) = self.on_frames(now, from, header.number, payload) {
                self.fail(now, fault);
            }
            self.close_if_flushed(now);
        } else {
            self.on_frames_at_the_end(payload);
        }
    }

    fn on_frames(
        &mut self,
        now: Time,
        from: SocketAddr,
        number: u64,
        payload: &[u8],
    ) -> Result<(), Fault> {
        let mut reader = Reader::new(payload);
        let mut wants_ack = false;
        while let Some(frame) = frame::next(&mut reader).map_err(|_| Fault::Malformed)? {
            wants_ack |= frame.wants_ack();
            match frame {
                Frame::Padding | Frame::Ping => {}
                Frame::Ack(ack) => self.on_ack(now, &ack)?,
                Frame::Piece(piece) => self.messages.on_piece(&piece)?,
                Frame::Unreliable { channel, data } => {
                    self.messages.on_unreliable(channel, data)?;
                }
                Frame::Credit(limit) => self.messages.on_credit(limit),
                Frame::ChannelCredit { channel, limit } => {
                    self.messages.on_channel_credit(channel, limit);
                }
                Frame::PathChallenge(challenge) => self.path.on_challenge(from, challenge),
                Frame::PathResponse(response) => self.on_path_response(now, response),
                Frame::Close { code, reason } => {
                    let end = End::ClosedByPeer { code, reason: reason.to_owned() };
                    self.end(Turn::PeerClose, end);
                    // One Close in answer, so that the peer need not wait (RFC 9000 §10.2.2).
                    self.closing.due = true;
                    self.closing.until = Some(now + 3 * self.rtt.probe_timeout());
                    return Ok(());
                }
            }
        }
        self.acks.on_received(now, number, wants_ack);
        Ok(())
    }

    /// Only whether the peer closes too still matters.
    fn on_frames_at_the_end(&mut self, payload: &[u8]) {
        let mut reader = Reader::new(payload);
        while let Ok(Some(frame)) = frame::next(&mut reader) {
            if matches!(frame, Frame::Close { .. }) && self.turn(Turn::PeerClose) {
                return;
            }
        }
        self.closing.heard += 1;
        if self.life == Life::Closing && self.closing.heard.is_power_of_two() {
            self.closing.due = true;
        }
    }

    fn on_path_response(&mut self, now: Time, response: [u8; 8]) {
        let from_ip = self.proven_ip;
        if !self.path.on_response(response) {
            return;
        }
        let to = self.path.address();
        self.proven_ip = to.ip();
        self.stats.moves += 1;
        self.messages.events.push_back(Event::Moved { to });
        // Another port is most likely another mapping of the same NAT; another host is another path, of
        // which nothing is known (RFC 9000 §9.4).
        if to.ip() != from_ip {
            self.forget_path(now);
        }
    }
}
