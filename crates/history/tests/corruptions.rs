//! A good history has no violation, and each single corruption of one is found and named.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use history::{Acknowledged, Client, Frame, Violation, check};
use proptest::prelude::*;

/// What a relay does that keeps its promises: the senders' frames in one order, to everybody.
fn good(senders: &[u8]) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..3)
        .map(|person| Client {
            name: format!("client {person}"),
            person,
            stayed: true,
            ..Client::default()
        })
        .collect();
    for (index, sender) in senders.iter().enumerate() {
        let seq = index as u64 + 1;
        let from = u32::from(sender % 3);
        let sender = &mut clients[usize::from(*sender % 3)];
        let id = sender.said.len() as u64 + 1;
        let payload = format!("{from} says {id}").into_bytes();
        sender.said.push((1, id, payload.clone()));
        sender.acknowledged.push(Acknowledged { room: 1, id, seq });
        for client in &mut clients {
            client.received.push(Frame { room: 1, seq, from, id, payload: payload.clone() });
        }
    }
    clients
}

/// Something to do to what one client received.
#[derive(Clone, Copy, Debug)]
enum Corruption {
    LeaveOut,
    LeaveOutLast,
    Twice,
    Swap,
    Payload,
    Sender,
}

fn corrupt(received: &mut Vec<Frame>, corruption: Corruption, at: usize) {
    match corruption {
        Corruption::LeaveOut => drop(received.remove(at)),
        Corruption::LeaveOutLast => drop(received.pop()),
        Corruption::Twice => received.insert(at, received[at].clone()),
        Corruption::Swap => received.swap(at, at + 1),
        Corruption::Payload => received[at].payload.push(b'!'),
        Corruption::Sender => received[at].from = 99,
    }
}

fn is_named(corruption: Corruption, violation: &Violation) -> bool {
    match corruption {
        Corruption::LeaveOut => matches!(violation, Violation::Gap { .. }),
        Corruption::LeaveOutLast => matches!(violation, Violation::Lost { .. }),
        Corruption::Twice => matches!(violation, Violation::Repeat { .. }),
        Corruption::Swap => matches!(violation, Violation::Backwards { .. }),
        Corruption::Payload => matches!(violation, Violation::Changed { .. }),
        Corruption::Sender => matches!(violation, Violation::NobodySaid { .. }),
    }
}

proptest! {
    #[test]
    fn a_good_history_has_no_violation(senders in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(check(&good(&senders)), []);
    }

    #[test]
    fn each_corruption_is_found(
        senders in proptest::collection::vec(any::<u8>(), 4..40),
        at in any::<prop::sample::Index>(),
        client in 0_usize..3,
        corruption in prop::sample::select(vec![
            Corruption::LeaveOut,
            Corruption::LeaveOutLast,
            Corruption::Twice,
            Corruption::Swap,
            Corruption::Payload,
            Corruption::Sender,
        ]),
    ) {
        let mut clients = good(&senders);
        // Neither the first nor the last: those could be before somebody came, or after he left.
        let at = 1 + at.index(senders.len() - 2);
        let at = if matches!(corruption, Corruption::Swap) { at.min(senders.len() - 3) } else { at };
        corrupt(&mut clients[client].received, corruption, at);
        let violations = check(&clients);
        prop_assert!(violations.iter().any(|v| is_named(corruption, v)), "{violations:?}");
    }

    #[test]
    fn two_orders_are_found(senders in proptest::collection::vec(any::<u8>(), 2..40)) {
        let mut clients = good(&senders);
        // One client has two frames the other way round, with places that look right.
        let received = &mut clients[0].received;
        received.swap(0, 1);
        (received[0].seq, received[1].seq) = (1, 2);
        let violations = check(&clients);
        let named = |v: &Violation| matches!(v, Violation::TwoOrders { .. });
        prop_assert!(violations.iter().any(named), "{violations:?}");
    }
}

proptest! {
    /// The relay took a resend for another frame: every place after it is one further on.
    #[test]
    fn a_resend_that_was_taken_twice_is_found(
        senders in proptest::collection::vec(any::<u8>(), 1..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut clients = good(&senders);
        let resent = clients[0].received[at.index(senders.len())].clone();
        let end = senders.len() as u64 + 1;
        for client in &mut clients {
            client.received.push(Frame { seq: end, ..resent.clone() });
        }
        let violations = check(&clients);
        let named = |v: &Violation| {
            matches!(v, Violation::Twice { id, again, .. } if (*id, *again) == (resent.id, end))
        };
        prop_assert!(violations.iter().any(named), "{violations:?}");
    }

    /// The sender was told that it is taken, and nobody got it, not even the sender.
    #[test]
    fn what_reached_nobody_is_lost(senders in proptest::collection::vec(any::<u8>(), 2..40)) {
        let mut clients = good(&senders);
        for client in &mut clients {
            client.received.pop();
        }
        let lost = check(&clients);
        prop_assert_eq!(lost.len(), clients.len());
        let seq_lost = senders.len() as u64;
        let named = |v: &Violation| matches!(v, Violation::Lost { seq, .. } if *seq == seq_lost);
        prop_assert!(lost.iter().all(named), "{lost:?}");
    }
}

/// Who came late or left early has not lost what was said without him.
#[test]
fn who_was_not_there_has_lost_nothing() {
    let mut clients = good(&[0, 1, 2, 0, 1, 2]);
    clients[1].received.drain(..3);
    clients[2].received.truncate(2);
    clients[2].stayed = false;
    assert_eq!(check(&clients), []);
    clients[2].stayed = true;
    assert_eq!(check(&clients).len(), 4);
}
