//! What many first packets cost, and whom they harm.

use arq::limits::{COOKIE_FROM, DATAGRAM, HALF_OPEN_TIME, MAX_HALF_OPEN_PER_HOST};
use arq::{Channel, ConnectionId, Event, Time};
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::{at, endpoint, events, first_packet, is_established, next, server_at, talk};

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
