//! Datagrams that are none of ours, or were before something happened to them.

use std::time::Duration;

use arq::limits::{DATAGRAM, MAX_DATAGRAM};
use arq::{Channel, Counts, Event, Time};
use fastrand::Rng;
use proptest::prelude::*;

use crate::{at, endpoint, events, first_packet, next, server_at};

#[test]
fn a_datagram_longer_than_max_datagram_is_not_looked_at() {
    let mut server = endpoint(1);
    let (_, _, mut packet) = first_packet(2, Some(server.public_key()));
    server.handle_datagram(Time::ZERO, at(1, 1), &mut packet);
    let answer = next(&mut server, Time::ZERO).unwrap();
    for len in [MAX_DATAGRAM, MAX_DATAGRAM + 1, 65_507] {
        let mut data = vec![0; len];
        data[0] = 11;
        data[2..10].copy_from_slice(&answer[12..20]);
        server.handle_datagram(Time::ZERO, at(1, 1), &mut data);
    }
    assert_eq!((server.counts().unreadable, server.half_open()), (3, 1));
}

/// Damage anywhere in a first packet: nobody computes it, no place is taken, and above all nobody is told
/// that he expects the wrong key, which would end his call.
#[test]
fn a_damaged_first_packet_is_no_packet() {
    for known in [true, false] {
        let mut server = endpoint(1);
        let (_, _, packet) = first_packet(2, known.then(|| server.public_key()));
        for place in 0..DATAGRAM - 16 {
            let mut damaged = packet.clone();
            damaged[place] ^= 1;
            server.handle_datagram(Time::ZERO, at(1, 1), &mut damaged);
            assert_eq!(next(&mut server, Time::ZERO), None, "{place}");
        }
        let Counts { computed, wrong_key, .. } = server.counts();
        assert_eq!((computed, wrong_key, server.half_open()), (0, 0, 0));
        server.handle_datagram(Time::ZERO, at(1, 1), &mut packet.clone());
        assert!(next(&mut server, Time::ZERO).is_some());
    }
}

#[test]
fn garbage_cut_and_giant_datagrams_are_counted_and_nothing_else() {
    let mut server = endpoint(1);
    let mut rng = Rng::with_seed(1);
    let mut count = 0;
    for len in [0, 1, 17, 18, 34, 35, 1199, 1200, 1201, MAX_DATAGRAM, MAX_DATAGRAM + 1, 65_507] {
        for kind in 0..=20 {
            let mut datagram: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(len).collect();
            if let Some(first) = datagram.first_mut() {
                *first = kind;
            }
            server.handle_datagram(Time::ZERO, at(1, 1), &mut datagram);
            count += 1;
        }
    }
    let counts = server.counts();
    assert_eq!(counts.unreadable + counts.astray, count);
    assert_eq!(next(&mut server, Time::ZERO), None);
    assert!(server.poll_timeout().is_none() && !server.is_busy());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// A whole connection in which datagrams are changed, cut, repeated and invented on the way: nothing
    /// panics, and what arrives is what was sent, in order.
    #[test]
    fn a_connection_under_attack(
        known in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::with_seed(seed);
        let (mut client, mut server) = (endpoint(seed), endpoint(seed ^ 1));
        let mut now = Time::ZERO;
        let key = known.then(|| server.public_key());
        client.connect(now, server_at(), key).unwrap();
        let (mut sent, mut read) = (Vec::new(), Vec::new());
        let mut old: Vec<Vec<u8>> = Vec::new();
        let mut id = None;
        for _ in 0..400 {
            let mut way = Vec::new();
            while let Some(datagram) = next(&mut client, now) {
                way.push((true, datagram));
            }
            while let Some(datagram) = next(&mut server, now) {
                way.push((false, datagram));
            }
            for (there, datagram) in way {
                let mut copies = vec![datagram.clone()];
                if rng.u8(..4) == 0 {
                    let mut changed = datagram.clone();
                    let index = rng.usize(..changed.len());
                    changed[index] = changed[index].wrapping_add(rng.u8(1..));
                    changed.truncate(rng.usize(1..=2 * changed.len()));
                    copies.insert(0, changed);
                }
                if rng.u8(..4) == 0 && !old.is_empty() {
                    copies.push(old[rng.usize(..old.len())].clone());
                }
                old.push(datagram);
                for mut copy in copies {
                    if there {
                        server.handle_datagram(now, at(1, 1), &mut copy);
                    } else {
                        client.handle_datagram(now, server_at(), &mut copy);
                    }
                }
            }
            for (event_id, event) in events(&mut client) {
                if let Event::Established { .. } = event {
                    id = Some(event_id);
                }
            }
            for (id, event) in events(&mut server) {
                if let Event::Readable(channel) = event {
                    read.extend(std::iter::from_fn(|| server.read(id, channel)));
                }
            }
            if let Some(id) = id && sent.len() < 20 {
                let message: Vec<u8> = vec![u8::try_from(sent.len()).unwrap(); rng.usize(..3000)];
                client.send(id, Channel::ordered(0), message.clone().into()).unwrap();
                sent.push(message);
            }
            let times = [client.poll_timeout(), server.poll_timeout()];
            now = times.into_iter().flatten().min().unwrap_or(now).min(now + Duration::from_millis(5)).max(now);
            client.handle_timeout(now);
            server.handle_timeout(now);
        }
        prop_assert_eq!(sent.len(), 20);
        prop_assert_eq!(read, sent);
    }
}
