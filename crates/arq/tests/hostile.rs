//! Peers without keys, who send whatever they want to an endpoint.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::net::SocketAddr;
use std::time::Duration;

use arq::limits::{
    COOKIE_FROM, COOKIE_SECRET_TIME, DATAGRAM, FIRST_WAIT, HALF_OPEN_TIME, HANDSHAKE_TIME,
    LONGEST_WAIT, MAX_CONNECTIONS, MAX_DATAGRAM, MAX_HALF_OPEN, MAX_HALF_OPEN_PER_HOST,
    MAX_REPLIES,
};
use arq::{
    Channel, CloseCode, Config, ConnectionId, End, Endpoint, Event, Identity, PublicKey, Random,
    SendError, Time, TooMany,
};
use fastrand::Rng;
use proptest::prelude::*;
use ring::digest::{SHA256, digest};
use ring::hmac;

struct Seeded(Rng);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

fn endpoint(seed: u64) -> Endpoint {
    let mut random = Seeded(Rng::with_seed(seed));
    let identity = Identity::generate(&mut random);
    Endpoint::new(Time::ZERO, identity, Config::default(), Box::new(random))
}

fn at(host: u16, port: u16) -> SocketAddr {
    let [high, low] = host.to_be_bytes();
    SocketAddr::from(([10, 0, high, low], port))
}

const SERVER: (u16, u16) = (0, 1);

fn server_at() -> SocketAddr {
    at(SERVER.0, SERVER.1)
}

/// The next datagram of an endpoint.
fn next(endpoint: &mut Endpoint, now: Time) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    endpoint.poll_transmit(now, &mut out).map(|_| out)
}

/// The first packet of a stranger.
fn first_packet(seed: u64, key: Option<PublicKey>) -> (Endpoint, ConnectionId, Vec<u8>) {
    let mut stranger = endpoint(seed);
    let id = stranger.connect(Time::ZERO, server_at(), key).unwrap();
    let packet = next(&mut stranger, Time::ZERO).unwrap();
    (stranger, id, packet)
}

/// Passes datagrams between the two until both are silent.
fn talk(now: Time, client: &mut Endpoint, client_at: SocketAddr, server: &mut Endpoint) {
    loop {
        let mut silent = true;
        while let Some(mut datagram) = next(client, now) {
            server.handle_datagram(now, client_at, &mut datagram);
            silent = false;
        }
        let mut out = Vec::new();
        while let Some(to) = server.poll_transmit(now, &mut out) {
            if to == client_at {
                client.handle_datagram(now, server_at(), &mut out);
            }
            silent = false;
        }
        if silent {
            return;
        }
    }
}

fn events(endpoint: &mut Endpoint) -> Vec<(ConnectionId, Event)> {
    std::iter::from_fn(|| endpoint.poll_event()).collect()
}

fn is_established(events: &[(ConnectionId, Event)]) -> bool {
    events.iter().any(|(_, event)| matches!(event, Event::Established { .. }))
}

/// 100,000 first packets: what is kept stays within its bounds, little is computed, who is known goes on
/// talking, and who answers with its cookie gets in.
#[test]
fn a_flood_of_first_packets_costs_little_and_harms_nobody_who_is_known() {
    let mut server = endpoint(1);
    let key = server.public_key();
    let mut friend = endpoint(2);
    let id = friend.connect(Time::ZERO, server_at(), Some(key)).unwrap();
    talk(Time::ZERO, &mut friend, at(1, 1), &mut server);
    assert!(is_established(&events(&mut server)));

    // One packet that somebody recorded, from any address: the index is not a part of the address.
    let (_, _, packet) = first_packet(3, Some(key));
    let (_, _, anonymous) = first_packet(4, None);
    let (mut out, mut sent) = (Vec::new(), 0);
    for n in 0..100_000_u32 {
        let mut datagram = if n % 2 == 0 { packet.clone() } else { anonymous.clone() };
        let host = u16::try_from(n % 60_000).unwrap() + 100;
        server.handle_datagram(
            Time::ZERO,
            at(host, u16::try_from(n / 60_000).unwrap()),
            &mut datagram,
        );
        while server.poll_transmit(Time::ZERO, &mut out).is_some() {
            sent += out.len();
        }
    }
    let counts = server.counts();
    assert_eq!(server.half_open(), COOKIE_FROM);
    assert_eq!(counts.computed, COOKIE_FROM as u64 + 1);
    assert_eq!(counts.cookies, 100_000 - COOKIE_FROM as u64);
    // The answers are no weapon: far less goes out than came in.
    assert!(sent < 100_000 * DATAGRAM / 30, "{sent} bytes");

    friend.send(id, Channel::ordered(0), "still here".into()).unwrap();
    talk(Time::ZERO, &mut friend, at(1, 1), &mut server);
    let readable = |(_, event): &(ConnectionId, Event)| matches!(event, Event::Readable(_));
    assert!(events(&mut server).iter().any(readable));

    let mut newcomer = endpoint(5);
    newcomer.connect(Time::ZERO, server_at(), None).unwrap();
    talk(Time::ZERO, &mut newcomer, at(2, 2), &mut server);
    assert!(is_established(&events(&mut newcomer)), "the cookie lets it in");
}

/// 100,000 first packets that are right but for what only computing tells, first from addresses that are
/// not the sender's, then from one that has a cookie.
#[test]
fn a_flood_of_forged_first_packets_costs_little() {
    let mut server = endpoint(1);
    let (_, _, mut forged) = first_packet(3, Some(server.public_key()));
    forged[60] ^= 1;
    put_check(&mut forged);
    for n in 0..100_000_u32 {
        let from = at(u16::try_from(n % 60_000).unwrap() + 100, 1);
        server.handle_datagram(Time::ZERO, from, &mut forged.clone());
        while next(&mut server, Time::ZERO).is_some() {}
    }
    assert_eq!(server.counts().computed, COOKIE_FROM as u64);
    let mut retry = Vec::new();
    for _ in 0..1000 {
        server.handle_datagram(Time::ZERO, at(1, 1), &mut forged.clone());
        if let Some(reply) = next(&mut server, Time::ZERO) {
            retry = reply;
        }
        forged[DATAGRAM - 16..].copy_from_slice(&retry[12..]);
    }
    let computed = (COOKIE_FROM + MAX_HALF_OPEN_PER_HOST) as u64;
    assert_eq!(server.counts().computed, computed);
    // The places are free again after a while, and somebody with a right packet gets in at once.
    let now = Time::ZERO + HALF_OPEN_TIME;
    let mut client = endpoint(7);
    client.connect(now, server_at(), Some(server.public_key())).unwrap();
    talk(now, &mut client, at(1, 1), &mut server);
    assert!(is_established(&events(&mut client)));
    assert_eq!(server.counts().computed, computed + 1);
}

/// The check of an Open, which everybody can compute.
fn put_check(open: &mut [u8]) {
    let key = digest(&SHA256, b"sockeye arq 1 check");
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
    let check = hmac::sign(&key, &open[..DATAGRAM - 32]);
    open[DATAGRAM - 32..DATAGRAM - 16].copy_from_slice(&check.as_ref()[..16]);
}

#[test]
fn there_are_no_more_than_max_connections() {
    let mut client = endpoint(2);
    // Nobody answers them, but each will have a connection if somebody does.
    let call = |client: &mut Endpoint| client.connect(Time::ZERO, server_at(), None);
    let calls: Vec<_> = (1..MAX_CONNECTIONS).map(|_| call(&mut client).unwrap()).collect();
    let (mut first, mut second) = (endpoint(3), endpoint(4));
    for (peer, port, fine) in [(&mut first, 1, true), (&mut second, 2, false)] {
        peer.connect(Time::ZERO, server_at(), Some(client.public_key())).unwrap();
        let mut open = next(peer, Time::ZERO).unwrap();
        client.handle_datagram(Time::ZERO, at(9, port), &mut open);
        let mut answered = false;
        let mut out = Vec::new();
        while let Some(to) = client.poll_transmit(Time::ZERO, &mut out) {
            if to == at(9, port) {
                answered = true;
                peer.handle_datagram(Time::ZERO, server_at(), &mut out);
                let mut data = next(peer, Time::ZERO).unwrap();
                client.handle_datagram(Time::ZERO, to, &mut data);
            }
        }
        assert_eq!(answered, fine, "{port}");
        assert_eq!(client.counts().refused, u64::from(!fine));
        assert_eq!(call(&mut client), Err(TooMany));
    }
    assert!(is_established(&events(&mut client)));
    client.forget(calls[7]);
    assert!(call(&mut client).is_ok());
}

/// Attackers that do receive at their addresses, and so have cookies.
#[test]
fn with_cookies_there_are_still_no_more_than_max_half_open_and_they_go_after_half_open_time() {
    let mut server = endpoint(1);
    let mut now = Time::ZERO;
    for n in 0..MAX_HALF_OPEN as u64 + 50 {
        let (mut stranger, _, mut packet) = first_packet(100 + n, Some(server.public_key()));
        let from = at(u16::try_from(n).unwrap() + 100, 1);
        server.handle_datagram(now, from, &mut packet);
        // Only a Retry is answered; the Answer is not.
        if let Some(mut reply) = next(&mut server, now)
            && reply[0] == 12
        {
            stranger.handle_datagram(now, server_at(), &mut reply);
            let mut again = next(&mut stranger, now).unwrap();
            server.handle_datagram(now, from, &mut again);
        }
        while next(&mut server, now).is_some() {}
    }
    assert_eq!(server.half_open(), MAX_HALF_OPEN);
    assert_eq!(server.counts().refused, 50);
    now = now + HALF_OPEN_TIME;
    let mut client = endpoint(7);
    client.connect(now, server_at(), None).unwrap();
    talk(now, &mut client, at(2, 2), &mut server);
    assert!(is_established(&events(&mut client)));
    assert_eq!(server.half_open(), 0);
}

#[test]
fn an_invented_cookie_is_worth_nothing() {
    let mut server = endpoint(1);
    let (_, _, packet) = first_packet(3, None);
    for n in 0..COOKIE_FROM {
        let from = at(u16::try_from(n).unwrap() + 100, 1);
        server.handle_datagram(Time::ZERO, from, &mut packet.clone());
    }
    while next(&mut server, Time::ZERO).is_some() {}
    let mut invented = packet.clone();
    invented[DATAGRAM - 16..].fill(9);
    server.handle_datagram(Time::ZERO, at(1, 1), &mut invented);
    let retry = next(&mut server, Time::ZERO).unwrap();
    assert_eq!((retry[0], retry.len()), (12, 28));
    // The right one of another address is none either.
    let mut stolen = packet.clone();
    stolen[DATAGRAM - 16..].copy_from_slice(&retry[12..]);
    server.handle_datagram(Time::ZERO, at(1, 2), &mut stolen.clone());
    assert_eq!(next(&mut server, Time::ZERO).unwrap()[0], 12);
    server.handle_datagram(Time::ZERO, at(1, 1), &mut stolen);
    assert_eq!(next(&mut server, Time::ZERO).unwrap()[0], 9);
}

/// Makes the server ask everybody for a cookie.
fn make_busy(server: &mut Endpoint, now: Time) {
    let (_, _, packet) = first_packet(3, None);
    for n in 0..u16::try_from(COOKIE_FROM).unwrap() {
        server.handle_datagram(now, at(n + 100, 1), &mut packet.clone());
    }
    while next(server, now).is_some() {}
}

#[test]
fn a_cookie_holds_for_up_to_two_times_cookie_secret_time() {
    for (age, kind) in [
        (COOKIE_SECRET_TIME / 2, 9),
        (COOKIE_SECRET_TIME, 9),
        // Its secret is the one before, and goes with the next.
        (2 * COOKIE_SECRET_TIME, 12),
        (100 * COOKIE_SECRET_TIME, 12),
    ] {
        let mut server = endpoint(1);
        make_busy(&mut server, Time::ZERO);
        let (_, _, mut packet) = first_packet(5, None);
        server.handle_datagram(Time::ZERO, at(1, 1), &mut packet.clone());
        let retry = next(&mut server, Time::ZERO).unwrap();
        packet[DATAGRAM - 16..].copy_from_slice(&retry[12..]);
        let now = Time::ZERO + age;
        make_busy(&mut server, now);
        server.handle_datagram(now, at(1, 1), &mut packet);
        assert_eq!(next(&mut server, now).unwrap()[0], kind, "{age:?}");
    }
}

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

#[test]
fn many_retries_do_not_make_a_client_send_more() {
    let (mut client, _, packet) = first_packet(2, None);
    for n in 0..10 {
        let mut retry = [&[12, 0, 0, 0], &packet[4..12], &[n; 16]].concat();
        client.handle_datagram(Time::ZERO, server_at(), &mut retry);
        let sent = next(&mut client, Time::ZERO);
        assert_eq!(sent.is_some(), n == 0, "{n}");
        assert!(sent.is_none_or(|sent| sent[DATAGRAM - 16..] == [n; 16]));
    }
    // The last cookie goes with the Open that is sent anyway.
    let now = client.poll_timeout().unwrap();
    client.handle_timeout(now);
    assert_eq!(next(&mut client, now).unwrap()[DATAGRAM - 16..], [9; 16]);
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

#[test]
fn a_close_waits_until_all_is_confirmed() {
    let (mut client, mut server) = (endpoint(2), endpoint(1));
    let id = client.connect(Time::ZERO, server_at(), None).unwrap();
    talk(Time::ZERO, &mut client, at(1, 1), &mut server);
    let channel = Channel::unordered(3);
    for _ in 0..5 {
        client.send(id, channel, vec![1; 100_000].into()).unwrap();
    }
    events(&mut client);
    let (mut now, mut read) = (Time::ZERO, 0);
    client.close(now, id, CloseCode::Done, "all said", Duration::from_secs(5));
    assert_eq!(client.send(id, channel, "more".into()), Err(SendError::NotOpen));
    let mut told = Vec::new();
    while client.is_busy() || server.is_busy() {
        talk(now, &mut client, at(1, 1), &mut server);
        told.extend(events(&mut client));
        for (id, event) in events(&mut server) {
            if let Event::Readable(channel) = event {
                read += std::iter::from_fn(|| server.read(id, channel)).count();
            }
        }
        let times = [client.poll_timeout(), server.poll_timeout()];
        now = times.into_iter().flatten().min().unwrap_or(now).max(now);
        client.handle_timeout(now);
        server.handle_timeout(now);
    }
    assert_eq!(read, 5);
    let ended = Event::Ended { end: End::Closed, unconfirmed: 0 };
    assert_eq!(told.last().map(|(_, event)| event), Some(&ended));
    let confirmed = |(_, event): &&(ConnectionId, Event)| matches!(event, Event::Confirmed { .. });
    assert_eq!(told.iter().filter(confirmed).count(), 5);
    // Nothing is left of it.
    assert_eq!((client.peer(id), client.stats(id)), (None, None));
}

#[test]
fn replies_that_nobody_takes_are_bounded_by_max_replies() {
    let mut server = endpoint(1);
    let (_, _, packet) = first_packet(3, None);
    for n in 0..MAX_REPLIES + 100 {
        server.handle_datagram(
            Time::ZERO,
            at(u16::try_from(n).unwrap() + 100, 1),
            &mut packet.clone(),
        );
    }
    let waiting = std::iter::from_fn(|| next(&mut server, Time::ZERO)).count();
    assert_eq!(waiting, MAX_REPLIES);
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
