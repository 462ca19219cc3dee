//! What a connection does when the peer moves, or seems to.

use super::*;
use crate::limits::{AMPLIFICATION, DATAGRAM};

impl Attack {
    /// The challenges that the victim sends.
    fn challenges(&mut self) -> Vec<[u8; 8]> {
        self.find(|frame| match frame {
            Frame::PathChallenge(challenge) => Some(*challenge),
            _ => None,
        })
    }

    /// Moves, and proves to be there.
    fn prove(&mut self, to: SocketAddr) {
        self.from = to;
        self.send_bytes(&[1; 400]);
        let challenges = self.challenges();
        let next = self.victim.sent.next_number();
        self.send(&[Frame::PathResponse(challenges[0]), ack(1, next)]);
        let after = self.victim.snapshot();
        assert_eq!((after.address, after.is_proven), (to, true));
    }
}

/// A new address is asked for at once, also where the window is full of what went to the old one; a new
/// port keeps the window, a new host is a new path (RFC 9000 §9.4).
#[test]
fn who_moves_is_challenged_at_once_and_another_host_is_another_path() {
    for (to, is_new) in [(address(2), false), (([203, 0, 113, 5], 1).into(), true)] {
        let mut attack = Attack::new();
        attack.widen();
        for _ in 0..4 {
            let _ = attack.victim.send(Channel::ordered(0), vec![0; 100_000].into());
        }
        attack.fill();
        attack.fill();
        let before = attack.victim.snapshot();
        assert!(before.in_flight + DATAGRAM > before.window, "{before:?}");
        attack.from = to;
        attack.send_bytes(&[1; 400]);
        let challenges = attack.challenges();
        attack.send(&[Frame::PathResponse(challenges[0])]);
        let after = attack.victim.snapshot();
        assert_eq!((after.address, after.is_proven), (to, true));
        assert_eq!(after.window < before.window, is_new, "{before:?} {after:?}");
        assert_eq!(after.round_trip.is_none(), is_new);
    }
}

#[test]
fn a_packet_full_of_challenges_gets_max_path_responses_answers() {
    let mut attack = Attack::new();
    let challenges: Vec<_> = (0..100).map(|n| Frame::PathChallenge([n; 8])).collect();
    attack.send(&challenges);
    assert!(attack.drain().0 <= MAX_PATH_RESPONSES + 1);
}

#[test]
fn a_new_address_gets_amplification_bytes_for_each_one_until_it_answers_and_is_given_up() {
    for challenges in [0, 1, MAX_PATH_RESPONSES] {
        new_address(challenges);
    }
}

#[track_caller]
fn new_address(challenges: usize) {
    let mut attack = Attack::new();
    for _ in 0..20 {
        attack.victim.send(Channel::ordered(0), vec![0; 50_000].into()).unwrap();
    }
    attack.from = address(2);
    // What is owed to it counts, too.
    attack.send(&[&[Frame::Ping][..], &vec![Frame::PathChallenge([1; 8]); challenges]].concat());
    let received = DATA_HEADER + 1 + 9 * challenges + crate::packet::TAG;
    let mut sent = 0;
    let proven = loop {
        sent += attack.drain().1;
        assert!(sent <= AMPLIFICATION * received, "{sent} bytes for {received}");
        attack.now = attack.now + Duration::from_millis(10);
        attack.victim.handle_timeout(attack.now);
        if attack.victim.snapshot().address == address(1) {
            break attack.victim.snapshot().is_proven;
        }
    };
    assert!(proven && sent > 0);
    assert_eq!(attack.victim.stats().moves, 0);
}

#[test]
fn a_packet_that_comes_late_from_elsewhere_moves_nobody() {
    let mut attack = Attack::new();
    attack.number = 5;
    attack.send(&[Frame::Ping]);
    attack.number = 3;
    attack.from = address(2);
    attack.send(&[Frame::Ping]);
    assert_eq!(attack.victim.snapshot().address, address(1));
    attack.number = 6;
    attack.send(&[Frame::Ping]);
    assert_eq!(attack.victim.snapshot().address, address(2));
}

/// RFC 9000 §8.2.1: a challenge goes again only when it seems to be lost.
#[test]
fn an_address_is_asked_once_and_again_when_nothing_is_heard() {
    let mut attack = Attack::new();
    attack.from = address(2);
    attack.send_bytes(&[1; 400]);
    let first = attack.challenges();
    assert_eq!(first.len(), 1);
    for _ in 0..4 {
        attack.send_bytes(&[1; 400]);
        attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
        assert_eq!(attack.challenges(), [[0; 8]; 0]);
    }
    while attack.victim.stats().probes < 2 {
        attack.now = attack.victim.poll_timeout().unwrap();
        attack.victim.handle_timeout(attack.now);
    }
    assert_eq!(attack.challenges(), first);
}

/// RFC 9000 §8.2.4: three probe timeouts, also where nothing else is waited for.
#[test]
fn a_new_address_has_three_probe_timeouts_to_answer() {
    let mut attack = Attack::new();
    attack.from = address(2);
    let until = attack.now + 3 * attack.victim.rtt.probe_timeout();
    attack.send(&[Frame::Padding]);
    assert_eq!(attack.victim.snapshot().address, address(2));
    assert_eq!(attack.victim.poll_timeout(), Some(until));
    attack.victim.handle_timeout(until);
    assert_eq!(attack.victim.snapshot().address, address(1));
}

/// RFC 9000 §8.2.2: not to where the peer is, or it would learn nothing of the way.
#[test]
fn a_response_goes_to_where_its_challenge_came_from() {
    let mut attack = Attack::new();
    attack.number = 9;
    attack.send(&[Frame::Ping]);
    // These come late, so that nobody has moved.
    for port in [2, 3] {
        attack.from = address(port);
        attack.number = port.into();
        attack.send(&[Frame::PathChallenge([u8::try_from(port).unwrap(); 8])]);
    }
    let mut out = Vec::new();
    let to: Vec<_> = std::iter::from_fn(|| {
        attack.victim.poll_transmit(attack.now, &mut attack.random, &mut out)
    })
    .take(2)
    .collect();
    assert_eq!(to, [address(2), address(3)]);
    assert_eq!(attack.victim.snapshot().address, address(1));
}

/// The second move is from one port to another of the host where the peer is now.
#[test]
fn another_port_of_the_new_host_is_the_same_path() {
    let mut attack = Attack::new();
    attack.prove(([203, 0, 113, 5], 1).into());
    attack.widen();
    let before = attack.victim.snapshot();
    attack.prove(([203, 0, 113, 5], 2).into());
    assert_eq!(attack.victim.snapshot().window, before.window);
    attack.prove(address(1));
    assert!(attack.victim.snapshot().window < before.window);
}

#[test]
fn a_close_keeps_to_what_a_new_address_may_get() {
    let mut attack = Attack::new();
    attack.from = address(2);
    attack.send(&[Frame::Ping]);
    let received = DATA_HEADER + 1 + crate::packet::TAG;
    attack.victim.close(attack.now, CloseCode::Done, "enough", attack.now);
    let mut sent = 0;
    while let Some(next) = attack.victim.poll_timeout() {
        sent += attack.drain().1;
        attack.now = next;
        attack.victim.handle_timeout(next);
    }
    assert!(sent > 0 && sent <= AMPLIFICATION * received, "{sent} bytes for {received}");
}
