//! What follows from an acknowledgement, from a loss, and from silence: RFC 9002 appendix A.

use super::Connection;
use crate::event::Fault;
use crate::frame::Ack;
use crate::limits::DATAGRAM;
use crate::loss::LossDetection;
use crate::pacer::Pacer;
use crate::rtt::Rtt;
use crate::sent::Content;
use crate::time::Time;

impl Connection {
    pub(super) fn on_ack(&mut self, now: Time, ack: &Ack) -> Result<(), Fault> {
        let limited = self.is_window_limited();
        let newly = self.sent.on_acked(&ack.ranges).map_err(|_| Fault::NeverSent)?;
        let largest = ack.ranges[0].end - 1;
        self.sealing.on_acked(largest);
        if let Some((number, packet)) = newly.packets.last()
            && *number == largest
        {
            self.rtt.on_sample(now.since(packet.at), ack.delay);
            self.loss.on_sample(now);
        }
        if newly.reordered {
            self.loss.on_reordering();
        }
        for (_, packet) in &newly.packets {
            self.loss.on_acked(now, packet.at);
            self.controller.on_acked(packet.at, packet.size, limited);
        }
        if !newly.late.is_empty() {
            self.loss.on_spurious();
        }
        for (_, packet) in &newly.late {
            self.stats.late += 1;
            self.controller.on_spurious(packet.at);
        }
        for (_, packet) in newly.packets.iter().chain(&newly.late) {
            for content in &packet.contents {
                match content {
                    Content::Ack { largest } => self.acks.on_acked(*largest),
                    Content::Piece(piece) => self.messages.on_piece_acked(*piece),
                    Content::Credit | Content::ChannelCredit(_) | Content::PathChallenge => {}
                }
            }
        }
        if !newly.packets.is_empty() {
            self.probing.count = 0;
        }
        self.detect_losses(now);
        Ok(())
    }

    /// Whether the window is what holds the sender back (RFC 9002 §7.8). In slow start half of it is
    /// enough, because the other half is what the last round trip has added.
    fn is_window_limited(&self) -> bool {
        let (in_flight, window) = (self.sent.in_flight(), self.controller.window());
        if self.controller.in_slow_start() {
            in_flight >= window / 2
        } else {
            in_flight + 3 * DATAGRAM >= window
        }
    }

    pub(super) fn detect_losses(&mut self, now: Time) {
        let first = self.sent.packets.first_key_value();
        let in_recovery = first.is_some_and(|(_, packet)| self.controller.in_recovery(packet.at));
        let lost = self.loss.detect(now, &self.rtt, in_recovery, &self.sent);
        for packet in &lost {
            self.stats.lost += 1;
            if self.controller.on_lost(now, packet.at) {
                self.loss.on_recovery();
            }
            let Some(packet) = self.sent.on_lost(packet.number) else { continue };
            for content in packet.contents {
                if content == Content::PathChallenge {
                    self.path.on_challenge_lost();
                }
                self.messages.on_lost(content);
            }
        }
        let sent = &self.sent;
        let between = |low, high| sent.is_acked_between(low, high);
        if self.loss.is_persistent_congestion(&self.rtt, &lost, between) {
            self.controller.on_persistent_congestion();
        }
        // What is not acknowledged by then was lost.
        self.sent.forget_lost(now.before(3 * self.rtt.probe_timeout()));
    }

    /// When nothing was heard for so long that the peer is asked (RFC 9002 §6.2.1).
    pub(super) fn probe_at(&self) -> Option<Time> {
        // A loss that is suspected is decided first.
        if self.loss.timer.is_some() {
            return None;
        }
        let since = self.sent.last_at()?.max(self.probing.last.unwrap_or_default());
        Some(since + self.rtt.backed_off(self.probing.count))
    }

    /// Sends the oldest that is not acknowledged again, or a Ping: two packets, whatever the window says,
    /// because one alone may be lost (RFC 9002 §6.2.4). Nothing is taken for lost by that.
    pub(super) fn on_probe_timeout(&mut self, now: Time) {
        self.stats.probes += 1;
        self.probing.count += 1;
        self.probing.due = 2;
        self.probing.last = Some(now);
        let oldest = self.sent.packets.values().take(2);
        let contents: Vec<Content> = oldest.flat_map(|packet| packet.contents.clone()).collect();
        for content in contents {
            if content == Content::PathChallenge {
                self.path.on_challenge_lost();
            }
            self.messages.on_probe(content);
        }
    }

    /// The peer is reached on another path now.
    pub(super) fn forget_path(&mut self, now: Time) {
        self.controller = self.controller.renew();
        self.rtt = Rtt::new();
        self.loss = LossDetection::new();
        self.pacer = Pacer::new(now);
    }
}
