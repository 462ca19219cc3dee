//! Who is asked for a cookie, and which one is taken.

use arq::limits::{COOKIE_FROM, COOKIE_SECRET_TIME, DATAGRAM};
use arq::{Endpoint, Time};

use crate::{at, endpoint, first_packet, next, server_at};

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

/// Makes the server ask everybody for a cookie.
fn make_busy(server: &mut Endpoint, now: Time) {
    let (_, _, packet) = first_packet(3, None);
    for n in 0..u16::try_from(COOKIE_FROM).unwrap() {
        server.handle_datagram(now, at(n + 100, 1), &mut packet.clone());
    }
    while next(server, now).is_some() {}
}
