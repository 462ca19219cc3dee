//! When something must happen by itself.

use super::Connection;
use crate::event::End;
use crate::life::{Life, Turn};
use crate::time::Time;

impl Connection {
    /// When [`Connection::handle_timeout`] is to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        match self.life {
            Life::Open | Life::Flushing => {
                // Where nothing may be sent, an acknowledgement that is due waits for more to come in.
                let ack = self.acks.due().filter(|_| self.has_room());
                let times = [
                    Some(self.idle_at()),
                    ack,
                    self.loss.timer,
                    self.probe_at(),
                    self.idle.keepalive().filter(|_| !self.ping),
                    self.paced,
                    self.path.deadline(),
                    self.closing.until,
                ];
                times.into_iter().flatten().min()
            }
            Life::Closing | Life::Draining => {
                [self.closing.again, self.closing.until].into_iter().flatten().min()
            }
            Life::Gone => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        let is_due = |time: Option<Time>| time.is_some_and(|time| time <= now);
        match self.life {
            Life::Open | Life::Flushing => {
                if self.idle_at() <= now {
                    self.end(Turn::Silence, End::Silence);
                    return;
                }
                self.path.give_up_if_due(now);
                if is_due(self.loss.timer) {
                    self.detect_losses(now);
                } else if is_due(self.probe_at()) {
                    self.on_probe_timeout(now);
                }
                if is_due(self.idle.keepalive()) {
                    self.ping = true;
                }
                if is_due(self.closing.until) {
                    self.say_close(now, Turn::TooLate, End::Closed);
                }
            }
            Life::Closing | Life::Draining => {
                if is_due(self.closing.until) {
                    self.turn(Turn::Quiet);
                } else if is_due(self.closing.again) {
                    self.closing.due = true;
                    self.closing.again = Some(now + self.rtt.probe_timeout());
                }
            }
            Life::Gone => {}
        }
    }

    fn idle_at(&self) -> Time {
        self.idle.deadline(self.rtt.probe_timeout())
    }
}
