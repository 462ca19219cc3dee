//! What a connection does when keys change.

use super::*;
use crate::limits::{REKEY_AFTER, REPLAY_WINDOW};

impl Attack {
    /// A packet under the present key, which is sent later.
    fn sealed(&mut self, number: u64) -> (DataHeader, Vec<u8>) {
        let header = DataHeader { phase: self.sealing.phase(), to: 5, number };
        let mut packet = header.bytes().to_vec();
        Frame::Ping.write(&mut packet);
        self.sealing.seal(number, &mut packet);
        (header, packet)
    }

    /// Whether the victim opens it.
    fn opens(&mut self, (header, mut packet): (DataHeader, Vec<u8>)) -> bool {
        let before = self.victim.stats().received;
        self.victim.handle(self.now, &mut self.random, self.from, header, &mut packet);
        self.victim.stats().received > before
    }
}

#[test]
fn what_was_under_way_when_the_key_changed_is_opened_for_three_probe_timeouts() {
    let mut attack = Attack::new();
    let late = [0, 1, 2, 3].map(|number| attack.sealed(number));
    let [first, second, third, fourth] = late;
    assert!(attack.opens(first));
    attack.sealing.on_acked(0);
    attack.sealing.change_if_due(attack.now + REKEY_AFTER, 4);
    let next = attack.sealed(4);
    assert!(attack.opens(next));
    assert!(attack.opens(second));
    let keep = 3 * attack.victim.rtt.probe_timeout();
    let changed = attack.now;
    attack.now = changed + keep * 99 / 100;
    assert!(attack.opens(third));
    attack.now = changed + keep;
    assert!(!attack.opens(fourth));
}

/// Else it could be two keys ahead of a peer that knows of none.
#[test]
fn a_key_is_kept_until_a_packet_under_it_is_acknowledged() {
    let mut attack = Attack::new();
    let rest = |attack: &mut Attack, acked: u64| {
        for _ in 0..13 {
            attack.now = attack.now + REKEY_AFTER / 12;
            attack.send(&[Frame::Ping, ack(acked, acked + 1)]);
            attack.drain();
            attack.victim.handle_timeout(attack.now);
            attack.drain();
        }
        assert_eq!(attack.end(), None);
        attack.victim.stats().key_changes
    };
    attack.send(&[Frame::Ping, Frame::Ping]);
    attack.now = attack.now + ACK_DELAY;
    attack.drain();
    assert_eq!(rest(&mut attack, 1), 1);
    assert_eq!(rest(&mut attack, 1), 1);
    let last = attack.victim.sent.next_number() - 1;
    assert_eq!(rest(&mut attack, last), 2);
}

/// A packet that does not open must not keep the true one with its number out.
#[test]
fn a_number_is_had_only_when_its_packet_has_opened() {
    let mut attack = Attack::new();
    let number = 5 * REPLAY_WINDOW;
    let (header, mut forged) = attack.sealed(number);
    *forged.last_mut().unwrap() ^= 1;
    assert!(!attack.opens((header, forged)));
    let older = attack.sealed(number - REPLAY_WINDOW - 1);
    assert!(attack.opens(older), "nothing has moved the window");
    let true_one = attack.sealed(number);
    assert!(attack.opens(true_one.clone()));
    assert!(!attack.opens(true_one));
    assert_eq!((attack.victim.stats().unopened, attack.victim.stats().repeats), (1, 1));
}
