//! What a call comes to, whoever answers or listens.

use std::time::Duration;

use arq::limits::{FIRST_WAIT, HANDSHAKE_TIME, LONGEST_WAIT};
use arq::{Channel, End, Event, Time};

use crate::{at, endpoint, events, first_packet, is_established, next, server_at, talk};

/// `Answer`, `Retry` and `WrongKey` from elsewhere change nothing, and the right Answer counts after them.
#[test]
fn only_who_was_called_answers() {
    let mut server = endpoint(1);
    let (mut client, id, packet) = first_packet(2, Some(server.public_key()));
    server.handle_datagram(Time::ZERO, at(1, 1), &mut packet.clone());
    let answer = next(&mut server, Time::ZERO).unwrap();
    let to = &packet[4..12];
    let retry = [&[12, 0, 0, 0], to, &[7; 16]].concat();
    let wrong_key = [&[13, 0, 0, 0], to].concat();
    for mut datagram in [retry, wrong_key, answer.clone()] {
        client.handle_datagram(Time::ZERO, at(6, 6), &mut datagram);
        assert_eq!(next(&mut client, Time::ZERO), None);
        assert!(events(&mut client).is_empty());
    }
    assert_eq!(client.counts().astray, 3);
    // Damage is not the end either.
    for at in [12, 20, 60, answer.len() - 1] {
        let mut damaged = answer.clone();
        damaged[at] ^= 1;
        client.handle_datagram(Time::ZERO, server_at(), &mut damaged);
        assert!(events(&mut client).is_empty());
    }
    client.handle_datagram(Time::ZERO, server_at(), &mut answer.clone());
    assert_eq!(client.peer(id), Some(server.public_key()));
    assert!(is_established(&events(&mut client)));
}

/// Nobody knows which of two Opens an Answer answers (RFC 9002 §5.1), so nothing is measured.
#[test]
fn a_repeated_first_packet_tells_no_round_trip() {
    for again in [false, true] {
        let mut server = endpoint(1);
        let (mut client, id, mut packet) = first_packet(2, Some(server.public_key()));
        let mut now = Time::ZERO;
        if again {
            now = now + FIRST_WAIT;
            client.handle_timeout(now);
            assert_eq!(next(&mut client, now).as_ref(), Some(&packet));
        }
        now = now + Duration::from_millis(40);
        server.handle_datagram(now, at(1, 1), &mut packet);
        let mut answer = next(&mut server, now).unwrap();
        client.handle_datagram(now, server_at(), &mut answer);
        let round_trip = client.snapshot(id).unwrap().round_trip;
        assert_eq!(round_trip, (!again).then_some(Duration::from_millis(40)));
    }
}

#[test]
fn a_replayed_first_packet_tells_the_owner_nothing() {
    let mut server = endpoint(1);
    let key = server.public_key();
    let mut client = endpoint(2);
    client.connect(Time::ZERO, server_at(), Some(key)).unwrap();
    let first = next(&mut client, Time::ZERO).unwrap();
    server.handle_datagram(Time::ZERO, at(1, 1), &mut first.clone());
    let mut answer = next(&mut server, Time::ZERO).unwrap();
    assert!(events(&mut server).is_empty(), "it may be a replay");
    // The same packet again is answered with the same bytes, and begins nothing new.
    server.handle_datagram(Time::ZERO, at(1, 1), &mut first.clone());
    assert_eq!(next(&mut server, Time::ZERO), Some(answer.clone()));
    assert_eq!((server.half_open(), server.counts().computed), (1, 1));
    client.handle_datagram(Time::ZERO, server_at(), &mut answer);
    talk(Time::ZERO, &mut client, at(1, 1), &mut server);
    assert!(is_established(&events(&mut server)));
    // From somebody else, later: no more than a handshake that nobody confirms.
    server.handle_datagram(Time::ZERO, at(9, 9), &mut first.clone());
    assert!(next(&mut server, Time::ZERO).is_some());
    assert!(events(&mut server).is_empty());
}

/// A packet that wants an answer puts off the next probe (RFC 9002 §6.2.1). One after the other they must
/// not put off the Confirm, without which the answerer can read none of them.
#[test]
fn who_talks_on_and_on_confirms_again_and_again() {
    /// The kind of a Confirm, as `docs/protocol.md` has it.
    const CONFIRM: u8 = 10;
    const BETWEEN: Duration = Duration::from_millis(100);
    let mut server = endpoint(1);
    let (mut client, id, mut open) = first_packet(2, None);
    let mut now = Time::ZERO + Duration::from_millis(20);
    server.handle_datagram(now, at(1, 1), &mut open);
    let mut answer = next(&mut server, now).unwrap();
    client.handle_datagram(now, server_at(), &mut answer);

    // For three seconds everything is lost.
    let (mut confirms, mut probes) = (0, 0);
    for _ in 0..30 {
        client.send(id, Channel::ordered(0), "a line".into()).unwrap();
        let until = now + BETWEEN;
        while now < until {
            client.handle_timeout(now);
            while let Some(packet) = next(&mut client, now) {
                confirms += u32::from(packet[0] == CONFIRM);
            }
            now = client.poll_timeout().unwrap().max(now).min(until);
        }
        probes = client.stats(id).unwrap().probes;
    }
    // One for each line, since between two more time passes than a probe waits; and hardly a probe.
    assert!((25..=32).contains(&confirms) && probes < 3, "{confirms} and {probes} probes");
    client.send(id, Channel::ordered(0), "the last line".into()).unwrap();
    talk(now, &mut client, at(1, 1), &mut server);
    assert!(is_established(&events(&mut server)));
}

#[test]
fn who_expects_another_key_is_told_at_once() {
    let mut server = endpoint(1);
    let wrong = endpoint(9).public_key();
    let mut client = endpoint(2);
    client.connect(Time::ZERO, server_at(), Some(wrong)).unwrap();
    talk(Time::ZERO, &mut client, at(1, 1), &mut server);
    let ended = Event::Ended { end: End::WrongKey, unconfirmed: 0 };
    assert!(events(&mut client).iter().any(|(_, event)| *event == ended));
    assert_eq!((server.counts().wrong_key, server.counts().computed), (1, 0));
}

#[test]
fn nobody_there_is_no_answer_after_handshake_time_and_few_packets() {
    let mut client = endpoint(2);
    client.connect(Time::ZERO, server_at(), None).unwrap();
    let mut sent = Vec::new();
    let mut now = Time::ZERO;
    loop {
        while next(&mut client, now).is_some() {
            sent.push(now.since(Time::ZERO));
        }
        let Some(time) = client.poll_timeout() else { break };
        now = time;
        client.handle_timeout(now);
    }
    assert_eq!(now, Time::ZERO + HANDSHAKE_TIME);
    assert_eq!(sent[..3], [Duration::ZERO, FIRST_WAIT, 3 * FIRST_WAIT]);
    assert!(sent.windows(2).all(|pair| pair[1] <= pair[0] + LONGEST_WAIT), "{sent:?}");
    let ended = Event::Ended { end: End::NoAnswer, unconfirmed: 0 };
    assert_eq!(events(&mut client)[0].1, ended);
}
