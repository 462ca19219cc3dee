//! How many there may be of what others begin, and what happens to one more.

use arq::limits::{HALF_OPEN_TIME, MAX_CONNECTIONS, MAX_HALF_OPEN, MAX_REPLIES};
use arq::{ConnectionId, Endpoint, Time, TooMany};

use crate::{at, endpoint, events, first_packet, is_established, next, server_at, talk};

#[test]
fn there_are_no_more_than_max_connections() {
    let mut client = endpoint(2);
    let call = |client: &mut Endpoint| client.connect(Time::ZERO, server_at(), None);
    let calls = calls(&mut client, MAX_CONNECTIONS - 1);
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

/// Nobody answers them, but each will have a connection if somebody does.
fn calls(endpoint: &mut Endpoint, count: usize) -> Vec<ConnectionId> {
    let call = |endpoint: &mut Endpoint| endpoint.connect(Time::ZERO, server_at(), None);
    let calls = (0..count).map(|_| call(endpoint).unwrap()).collect();
    while next(endpoint, Time::ZERO).is_some() {}
    calls
}

/// Two handshakes were begun when one place was left. The other one is as it was, and is finished when
/// there is a place again.
#[test]
fn the_last_place_is_taken_by_the_handshake_that_is_finished_first() {
    for known in [true, false] {
        let mut server = endpoint(1);
        let calls = calls(&mut server, MAX_CONNECTIONS - 1);
        let (mut first, mut second) = (endpoint(3), endpoint(4));
        for (stranger, port) in [(&mut first, 1), (&mut second, 2)] {
            let key = known.then(|| server.public_key());
            stranger.connect(Time::ZERO, server_at(), key).unwrap();
            let mut open = next(stranger, Time::ZERO).unwrap();
            server.handle_datagram(Time::ZERO, at(9, port), &mut open);
            let mut answer = next(&mut server, Time::ZERO).unwrap();
            stranger.handle_datagram(Time::ZERO, server_at(), &mut answer);
        }
        talk(Time::ZERO, &mut first, at(9, 1), &mut server);
        assert!(is_established(&events(&mut server)));
        talk(Time::ZERO, &mut second, at(9, 2), &mut server);
        assert_eq!(events(&mut server), []);
        assert!(server.counts().refused > 0);
        server.forget(calls[7]);
        let now = second.poll_timeout().unwrap();
        second.handle_timeout(now);
        talk(now, &mut second, at(9, 2), &mut server);
        assert!(is_established(&events(&mut server)), "known: {known}");
    }
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
