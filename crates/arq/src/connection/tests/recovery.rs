//! What a connection does when packets are answered, lost or late.

use super::*;
use crate::frame;
use crate::limits::DATAGRAM;
use crate::varint::Reader;

impl Attack {
    /// The frames that the victim sends, as they are without their keys.
    fn said(&mut self) -> Vec<Vec<u8>> {
        let mut keys = OpeningKeys::new(&[1; 32].into());
        let (mut out, mut said) = (Vec::new(), Vec::new());
        while self.victim.poll_transmit(self.now, &mut self.random, &mut out).is_some() {
            let number = u64::from_be_bytes(*out[10..].first_chunk().unwrap());
            let header = DataHeader { phase: 0, to: 99, number };
            said.push(keys.open(self.now, ACK_DELAY, header, &mut out).unwrap().to_vec());
        }
        said
    }

    /// What is wanted of the frames that the victim sends.
    pub(super) fn find<T>(&mut self, wanted: impl Fn(&Frame<'_>) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for payload in self.said() {
            let mut reader = Reader::new(&payload);
            while let Some(frame) = frame::next(&mut reader).unwrap() {
                found.extend(wanted(&frame));
            }
        }
        found
    }

    /// Lets a round trip pass, in which the victim sends what it has and may.
    pub(super) fn fill(&mut self) {
        for _ in 0..20 {
            self.drain();
            self.now = self.now + Duration::from_millis(1);
        }
    }

    /// Has the victim send so much and acknowledges it, so that its window grows.
    pub(super) fn widen(&mut self) {
        while self.victim.snapshot().window < 40 * DATAGRAM {
            let _ = self.victim.send(Channel::ordered(0), vec![0; 60_000].into());
            let first = self.victim.sent.next_number();
            self.fill();
            let next = self.victim.sent.next_number();
            self.send(&[ack(first.max(1), next)]);
            assert_eq!(self.end(), None);
        }
    }
}

#[test]
fn no_more_than_a_burst_goes_at_once() {
    let mut attack = Attack::new();
    attack.widen();
    attack.now = attack.now + Duration::from_secs(1);
    for _ in 0..4 {
        let _ = attack.victim.send(Channel::ordered(0), vec![0; 100_000].into());
    }
    assert_eq!(attack.drain().0, 10);
    let next = attack.victim.poll_timeout().unwrap();
    assert!(next > attack.now && next < attack.now + Duration::from_millis(20), "{next:?}");
    attack.now = next;
    attack.victim.handle_timeout(next);
    assert!(attack.drain().0 > 0);
}

/// RFC 9002 §7.7: in slow start two windows for each round trip, because the window doubles in it.
#[test]
fn in_slow_start_the_pace_is_twice_the_window() {
    let mut attack = Attack::new();
    attack.widen();
    attack.now = attack.now + Duration::from_secs(1);
    for _ in 0..4 {
        let _ = attack.victim.send(Channel::ordered(0), vec![0; 100_000].into());
    }
    let snapshot = attack.victim.snapshot();
    let window = snapshot.window as f64 / DATAGRAM as f64;
    let part = 4.0 / snapshot.round_trip.unwrap().as_secs_f64() / 1000.0;
    let mut sent = attack.drain().0;
    for _ in 0..4 {
        attack.now = attack.now + Duration::from_millis(1);
        sent += attack.drain().0;
    }
    // A burst of 10, and what four milliseconds bring.
    let expected = 10.0 + 2.0 * window * part;
    assert!(expected < window && (sent as f64 - expected).abs() < 2.0, "{sent} {expected}");
}

/// RFC 9002 §5.1: only the largest number tells a round trip, and only when it is new.
#[test]
fn an_old_packet_tells_no_round_trip() {
    let mut attack = Attack::new();
    for _ in 0..2 {
        attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
        assert_eq!(attack.drain().0, 1);
    }
    attack.now = attack.now + Duration::from_millis(20);
    attack.send(&[ack(2, 3)]);
    attack.now = attack.now + Duration::from_secs(5);
    attack.send(&[ack(1, 3)]);
    assert_eq!(attack.end(), None);
    assert_eq!(attack.victim.snapshot().round_trip, Some(Duration::from_millis(20)));
}

#[test]
fn each_answer_tells_a_round_trip() {
    let mut attack = Attack::new();
    attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
    attack.drain();
    attack.now = attack.now + Duration::from_millis(180);
    attack.send(&[ack(1, 2)]);
    // The handshake took 20 ms: 7/8 of it, and 1/8 of 180 ms.
    assert_eq!(attack.victim.snapshot().round_trip, Some(Duration::from_millis(40)));
}

/// RFC 9002 §7.6.2: all that was sent in three probe timeouts is lost, so the window is the smallest.
#[test]
fn persistent_congestion_leaves_two_datagrams_of_window() {
    for (lost, window) in [(20, 2), (2, 5)] {
        let mut attack = Attack::new();
        for n in 0..lost + 2 {
            attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
            attack.drain();
            attack.now = attack.now + Duration::from_millis(50);
            if n == 0 {
                attack.send(&[ack(1, 2)]);
            }
        }
        attack.send(&[ack(lost + 2, lost + 3)]);
        assert_eq!(attack.victim.stats().lost, lost);
        assert_eq!(attack.victim.snapshot().window, window * DATAGRAM);
    }
}

#[test]
fn a_window_that_was_halved_for_nothing_is_wide_again() {
    let mut attack = Attack::new();
    let window = attack.victim.snapshot().window;
    for _ in 0..5 {
        attack.victim.send(Channel::ordered(0), vec![0; 1000].into()).unwrap();
        assert_eq!(attack.drain().0, 1);
    }
    attack.now = attack.now + Duration::from_millis(20);
    attack.send(&[ack(2, 6)]);
    assert_eq!(attack.victim.stats().lost, 1);
    assert!(attack.victim.snapshot().window < window);
    attack.send(&[ack(1, 6)]);
    assert_eq!(attack.victim.stats().late, 1);
    assert!(attack.victim.snapshot().window >= window);
}

/// RFC 9000 §10.2.2: one Close, so that the peer need not wait, and then nothing.
#[test]
fn a_close_is_answered_with_one() {
    let mut attack = Attack::new();
    attack.send(&[Frame::Close { code: 0, reason: "enough" }]);
    let is_close = |frame: &Frame<'_>| matches!(frame, Frame::Close { .. }).then_some(());
    assert_eq!(attack.find(is_close).len(), 1);
    attack.send(&[Frame::Ping]);
    attack.now = attack.now + Duration::from_secs(9);
    attack.victim.handle_timeout(attack.now);
    assert_eq!(attack.drain(), (0, 0));
}

/// RFC 9002 §6.2.4: a probe brings the oldest that is not acknowledged, not only a question.
#[test]
fn a_probe_takes_the_oldest_along() {
    let mut attack = Attack::new();
    attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
    let is_hello = |frame: &Frame<'_>| match frame {
        Frame::Piece(piece) => (piece.data == b"hello").then_some(()),
        _ => None,
    };
    assert_eq!(attack.find(is_hello).len(), 1);
    attack.now = attack.victim.poll_timeout().unwrap();
    attack.victim.handle_timeout(attack.now);
    assert_eq!(attack.find(is_hello).len(), 1);
    assert_eq!(attack.victim.stats().probes, 1);
}

/// RFC 9000 §13.2.4: who only acknowledges asks now and then, or it could never forget what it had.
#[test]
fn who_only_acknowledges_asks_now_and_then() {
    let mut attack = Attack::new();
    let mut pings = 0;
    for _ in 0..100 {
        attack.send(&[Frame::Ping]);
        attack.send(&[Frame::Ping]);
        pings += attack.find(|frame| matches!(frame, Frame::Ping).then_some(())).len();
    }
    assert_eq!(pings, 1, "and not again before that one is answered");
}

/// A close waits for what is not confirmed as long as it may, and is said again until three probe
/// timeouts are over.
#[test]
fn a_close_waits_as_long_as_it_may_and_is_said_again() {
    let mut attack = Attack::new();
    attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
    let until = attack.now + Duration::from_secs(1);
    attack.victim.close(attack.now, CloseCode::Done, "enough", until);
    let is_close = |frame: &Frame<'_>| matches!(frame, Frame::Close { .. }).then_some(());
    let mut times = Vec::new();
    for _ in 0..20 {
        times.extend(attack.find(is_close).iter().map(|()| attack.now));
        let Some(next) = attack.victim.poll_timeout() else { break };
        attack.now = next;
        attack.victim.handle_timeout(next);
    }
    let wait = attack.victim.rtt.probe_timeout();
    assert_eq!(times, [until, until + wait, until + 2 * wait]);
    assert_eq!(attack.now, until + 3 * wait);
    assert_eq!(attack.end(), Some(End::Closed));
}
