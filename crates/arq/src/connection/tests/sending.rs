//! What a connection sends next: in turns, within the credit, and when nothing was heard for long.

use super::*;
use crate::limits::DATAGRAM;

/// Bytes of a message that leaves no room in its packet for a piece of the next.
const FULL: usize = 1140;

/// Channel and number of a piece.
fn pieces(frame: &Frame<'_>) -> Option<(u8, u64)> {
    match frame {
        Frame::Piece(piece) => Some((piece.channel.number, piece.number)),
        _ => None,
    }
}

#[test]
fn channels_send_a_piece_each_in_turn() {
    let mut attack = Attack::new();
    for channel in 0..3 {
        attack.victim.send(Channel::ordered(channel), vec![0; 50_000].into()).unwrap();
    }
    let channels: Vec<u8> = attack.find(pieces).iter().map(|(channel, _)| *channel).collect();
    assert_eq!(channels, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
}

/// A stream of unreliable messages does not keep the others out, and neither do they.
#[test]
fn reliable_and_unreliable_messages_go_in_turns() {
    let mut attack = Attack::new();
    attack.victim.send(Channel::ordered(0), vec![0; 50_000].into()).unwrap();
    for _ in 0..20 {
        attack.victim.send_unreliable(0, vec![0; MAX_UNRELIABLE].into()).unwrap();
    }
    let kinds = attack.find(|frame| match frame {
        Frame::Piece(_) => Some("piece"),
        Frame::Unreliable { .. } => Some("unreliable"),
        _ => None,
    });
    assert_eq!(kinds.len(), 10);
    assert!(kinds.windows(2).all(|pair| pair[0] != pair[1]), "{kinds:?}");
}

/// The peer keeps new credit of less than a quarter of a window to itself, so what costs more than the
/// rest could wait for ever.
#[test]
fn the_longest_message_that_is_taken_never_waits_for_ever() {
    for (channel_window, connection_window) in [(8_000, 20_000), (20_000, 8_000), (8_003, 8_003)] {
        let config = Config { channel_window, connection_window, ..Config::default() };
        let mut attack = Attack::with(&config);
        let channel = Channel::ordered(0);
        let too_long = attack.victim.send(channel, vec![0; MAX_MESSAGE].into());
        let Err(SendError::TooLong { limit, .. }) = too_long else { panic!("{too_long:?}") };
        let window = channel_window.min(connection_window);
        let cost = MESSAGE_COST + limit as u64;
        assert!(cost * 4 >= window * 3 && cost < window, "{limit} of {window}");
        // The peer reads it and says nothing of that.
        let first = vec![0; usize::try_from(window / 4 - MESSAGE_COST - 1).unwrap()];
        attack.victim.send(channel, first.into()).unwrap();
        attack.drain();
        let next = attack.victim.sent.next_number();
        attack.send(&[ack(1, next)]);
        attack.victim.send(channel, vec![0; limit].into()).unwrap();
        attack.now = attack.now + Duration::from_secs(1);
        let has_begun = attack.find(pieces).iter().any(|(_, number)| *number == 1);
        assert!(has_begun, "{limit} of {window}");
        assert_eq!(attack.end(), None);
    }
}

/// RFC 9002 §6.2.4: two packets, also where the window is full, with what is the oldest.
#[test]
fn a_probe_is_two_packets_with_what_the_two_oldest_had() {
    let mut attack = Attack::new();
    for _ in 0..20 {
        attack.victim.send(Channel::ordered(0), vec![0; FULL].into()).unwrap();
    }
    assert_eq!(attack.drain().0, 10);
    let snapshot = attack.victim.snapshot();
    assert!(snapshot.in_flight + DATAGRAM > snapshot.window, "{snapshot:?}");
    attack.now = attack.victim.poll_timeout().unwrap();
    attack.victim.handle_timeout(attack.now);
    assert_eq!(attack.find(pieces), [(0, 0), (0, 1)]);
    // The others are not taken for lost.
    attack.send(&[ack(1, 3)]);
    assert_eq!(attack.find(pieces), [(0, 10), (0, 11)]);
}

#[test]
fn a_probe_takes_along_all_that_a_packet_had() {
    let mut attack = Attack::new();
    for _ in 0..10 {
        attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
    }
    assert_eq!(attack.drain().0, 1);
    attack.now = attack.victim.poll_timeout().unwrap();
    attack.victim.handle_timeout(attack.now);
    let again: Vec<u64> = attack.find(pieces).iter().map(|(_, number)| *number).collect();
    assert_eq!(again, (0..10).collect::<Vec<_>>());
}

/// A socket that takes nothing for a while, and many short messages in each packet.
#[test]
fn probes_that_nobody_sends_pile_up_nothing() {
    let mut attack = Attack::new();
    for _ in 0..100 {
        attack.victim.send(Channel::ordered(0), Bytes::from_static(b"hello")).unwrap();
    }
    assert_eq!(attack.drain().0, 2);
    for _ in 0..12 {
        attack.now = attack.victim.poll_timeout().unwrap();
        attack.victim.handle_timeout(attack.now);
    }
    assert_eq!((attack.end(), attack.victim.stats().probes), (None, 12));
    let again = attack.find(pieces).len();
    assert!((1..=100).contains(&again), "{again} pieces");
}
