//! What goes into the next packet.

use std::net::SocketAddr;

use super::Connection;
use crate::frame::Frame;
use crate::life::Life;
use crate::limits::{DATAGRAM, MAX_ACK_RANGES};
use crate::pacer::Pace;
use crate::packet::{DATA_HEADER, DataHeader, TAG};
use crate::packing::Packing;
use crate::random::Source;
use crate::sent::{Content, SentPacket};
use crate::time::Time;

/// After so many packets that only acknowledge, one asks for an answer, because only what the peer is
/// known to have can be forgotten (RFC 9000 §13.2.4).
const ACKS_ALONE: u32 = 32;

/// How many packets lie between two numbers that are left out: so many and up to as many more.
const SKIP_EVERY: u64 = 256;

/// The least that a packet needs: room for an acknowledgement of one range.
const SMALLEST: usize = DATA_HEADER + TAG + 34;

impl Connection {
    /// Writes the next datagram, and tells where it goes.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Time,
        random: &mut Source,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        self.paced = None;
        match self.life {
            Life::Open | Life::Flushing => {
                self.write_response(out).or_else(|| self.write_packet(now, random, out))
            }
            Life::Closing | Life::Draining => self.write_close(now, out),
            Life::Gone => None,
        }
    }

    /// The Confirm goes ahead of what cannot be read without it: of the first packet, and where the last
    /// one is a probe timeout ago. Not with probes alone, because each new packet puts off the next probe.
    fn write_confirm(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let wait = self.rtt.probe_timeout();
        let confirm = self.confirm.as_mut()?;
        if confirm.sent.is_some_and(|sent| now < sent + wait) {
            return None;
        }
        confirm.sent = Some(now);
        out.clear();
        out.extend_from_slice(&confirm.packet);
        self.stats.sent += 1;
        self.stats.sent_bytes += out.len() as u64;
        Some(self.path.address())
    }

    /// A response goes to where its challenge came from, which may not be where the peer is. It is as
    /// long as a challenge at most, so no limit of an unproven address can be exceeded by it.
    fn write_response(&mut self, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let (to, response) = self.path.take_response()?;
        let mut packet = Packing::new(std::mem::take(out), DATAGRAM);
        packet.add(&Frame::PathResponse(response), None);
        self.seal(&mut packet);
        self.sent.on_sent_ack();
        if to == self.path.address() {
            self.path.on_sent(packet.bytes.len());
        }
        *out = packet.bytes;
        Some(to)
    }

    fn write_close(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        if !std::mem::take(&mut self.closing.due) {
            return None;
        }
        let room = self.path.room(DATAGRAM);
        if room < SMALLEST + self.closing.reason.len() {
            return None;
        }
        let mut packet = Packing::new(std::mem::take(out), room);
        let reason = std::mem::take(&mut self.closing.reason);
        // First what came: with the Close the peer looks at nothing more.
        let room = packet.room().saturating_sub(close_room(&reason));
        if let Some(ack) = self.acks.frame(now)
            && room >= ack_room(ack.ranges.len())
        {
            packet.add(&Frame::Ack(ack), None);
        }
        packet.add(&Frame::Close { code: self.closing.code, reason: &reason }, None);
        self.closing.reason = reason;
        self.seal(&mut packet);
        self.sent.on_sent_ack();
        self.path.on_sent(packet.bytes.len());
        *out = packet.bytes;
        Some(self.path.address())
    }

    fn write_packet(
        &mut self,
        now: Time,
        random: &mut Source,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        if !self.has_room() {
            return None;
        }
        let ack_due = self.acks.due().is_some_and(|due| due <= now);
        let may_ask = self.has_something() && self.may_ask(now);
        if !ack_due && !may_ask {
            return None;
        }
        if let Some(to) = self.write_confirm(now, out) {
            return Some(to);
        }
        self.sealing.change_if_due(now, self.sent.next_number());
        let mut packet = Packing::new(std::mem::take(out), self.path.room(DATAGRAM));
        self.write_ack(now, &mut packet);
        if may_ask {
            if let Some(challenge) = self.path.challenge()
                && packet.room() >= 9
            {
                self.path.on_challenge_sent();
                packet.add(&Frame::PathChallenge(challenge), Some(Content::PathChallenge));
            }
            self.messages.write(&mut packet);
        }
        // What is in flight anyway will be answered.
        let is_alone = self.acks_alone >= ACKS_ALONE && self.sent.in_flight() == 0;
        let must_ask = may_ask && (self.ping || self.probing.due > 0);
        if !packet.wants_ack && packet.room() > 0 && (must_ask || is_alone && !packet.is_empty()) {
            packet.add(&Frame::Ping, None);
        }
        if packet.is_empty() {
            *out = packet.bytes;
            return None;
        }
        if self.skip_in == 0 {
            self.sent.skip();
            self.skip_in = SKIP_EVERY + random.u64() % SKIP_EVERY;
        }
        self.skip_in -= 1;
        self.seal(&mut packet);
        self.on_sent(now, &packet);
        *out = packet.bytes;
        Some(self.path.address())
    }

    fn write_ack(&mut self, now: Time, packet: &mut Packing) {
        if !self.acks.has_news() {
            return;
        }
        let Some(mut ack) = self.acks.frame(now) else { return };
        // Where there is little room, the newest ranges are what matters.
        while packet.room() < ack_room(ack.ranges.len()) && ack.ranges.len() > 1 {
            ack.ranges.pop();
        }
        if packet.room() >= ack_room(ack.ranges.len()) {
            let largest = ack.ranges[0].end - 1;
            packet.add(&Frame::Ack(ack), Some(Content::Ack { largest }));
            self.acks.on_sent();
        }
    }

    fn on_sent(&mut self, now: Time, packet: &Packing) {
        let size = packet.bytes.len();
        self.path.on_sent(size);
        if !packet.wants_ack {
            self.acks_alone += 1;
            self.sent.on_sent_ack();
            return;
        }
        self.acks_alone = 0;
        self.ping = false;
        self.probing.due = self.probing.due.saturating_sub(1);
        self.pacer.on_sent(size);
        self.idle.on_asked(now);
        let contents = packet.contents.clone();
        self.sent.on_sent(SentPacket { at: now, size, contents });
        self.close_if_flushed(now);
    }

    /// Seals the packet under the next number.
    fn seal(&mut self, packet: &mut Packing) {
        let number = self.sent.next_number();
        let header = DataHeader { phase: self.sealing.phase(), to: self.to, number };
        packet.bytes[..DATA_HEADER].copy_from_slice(&header.bytes());
        self.sealing.seal(number, &mut packet.bytes);
        self.stats.sent += 1;
        self.stats.sent_bytes += packet.bytes.len() as u64;
    }

    /// Whether there may be something that wants an answer.
    fn has_something(&self) -> bool {
        self.ping
            || self.probing.due > 0
            || self.path.challenge().is_some()
            || self.messages.has_something()
    }

    /// Whether a packet that wants an answer may go now: the window has room for it, and the pacer lets it.
    /// A probe always may.
    fn may_ask(&mut self, now: Time) -> bool {
        if self.probing.due > 0 {
            return true;
        }
        let window = self.controller.window();
        if self.sent.in_flight() + DATAGRAM > window {
            return false;
        }
        if !self.rtt.has_sample() {
            // The window at the start may go at once (RFC 9002 §7.7).
            return true;
        }
        let round_trip = self.rtt.smoothed();
        let pace = Pace { window, round_trip, in_slow_start: self.controller.in_slow_start() };
        self.paced = self.pacer.wait(now, pace);
        self.paced.is_none()
    }

    /// Whether the address of the peer may be sent anything at all.
    pub(super) fn has_room(&self) -> bool {
        self.path.room(DATAGRAM) >= SMALLEST
    }
}

/// The most that a Close with this reason takes: its type and two numbers before the reason.
fn close_room(reason: &str) -> usize {
    1 + 8 + 2 + reason.len()
}

/// The most that so many ranges take.
fn ack_room(ranges: usize) -> usize {
    debug_assert!(ranges <= MAX_ACK_RANGES);
    1 + 8 + 8 + 1 + 16 * ranges
}
