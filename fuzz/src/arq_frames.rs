//! Frames of a peer that has keys and means harm.

use std::net::SocketAddr;

use arq::limits::{ACK_DELAY, CONNECTION_WINDOW};
use arq::{Channel, CloseCode, Config, ConnectionId, Endpoint, Event, Identity, Time};

use crate::input::{Input, Seeded};
use crate::outsider::{self, Sealer};

/// Idle time of 30 s and credit of a mebibyte or so: three varints.
const GRANTS: &[u8] = &[0x80, 0, 0x75, 0x30, 0x80, 0x10, 0, 0, 0x80, 0x10, 0, 0];

/// Each step is a packet: a byte for the address, the gap in the numbers, and what the victim's owner
/// does, the time that passes, a length, and frames. No timer may stay due, no more may be held than was
/// granted, and no more be in flight than allowed.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut now = Time::ZERO;
    let (mut victim, sealer) = meet(now);
    let (mut number, mut beyond) = (0, 0);
    let mut id = None;
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        let how = input.u8();
        now = now + input.wait();
        let len = usize::from(input.u8()) * 5;
        let mut datagram = sealer.seal(number, input.take(len));
        number += 1 + u64::from(how >> 6);
        victim.handle_datagram(now, at(how & 3), &mut datagram);
        while let Some((connection, event)) = victim.poll_event() {
            if matches!(event, Event::Established { .. }) {
                id = Some(connection);
            }
        }
        let Some(id) = id else { continue };
        act(&mut victim, now, id, how);
        for _ in 0..50 {
            beyond += drain(&mut victim, now, id);
            if victim.poll_timeout().is_none_or(|time| time > now) {
                break;
            }
            victim.handle_timeout(now);
        }
        assert!(victim.poll_timeout().is_none_or(|time| time > now), "a timer stays due");
        let Some(snapshot) = victim.snapshot(id) else { return };
        assert!(snapshot.unread <= CONNECTION_WINDOW);
        let probes = victim.stats(id).map_or(0, |stats| stats.probes);
        assert!(beyond <= 2 * probes, "{beyond} packets beyond the window, {probes} probes");
    }
}

/// A victim that has answered, and what seals packets for it.
fn meet(now: Time) -> (Endpoint, Sealer) {
    let identity = Identity::from_secret(&[1; 32]);
    let mut victim = Endpoint::new(now, identity, Config::default(), Box::new(Seeded::new(1)));
    let (opening, mut packet) = outsider::open(&victim.public_key(), GRANTS);
    victim.handle_datagram(now, at(0), &mut packet);
    victim.poll_transmit(now, &mut packet).expect("an Answer");
    (victim, opening.finish(&packet))
}

/// Takes what it sends, and counts what went although the window was full.
fn drain(victim: &mut Endpoint, now: Time, id: ConnectionId) -> u64 {
    let mut out = Vec::new();
    let flight = |victim: &Endpoint| {
        victim.snapshot(id).map_or((0, 0), |snapshot| (snapshot.in_flight, snapshot.window))
    };
    let mut beyond = 0;
    loop {
        let (before, _) = flight(victim);
        if victim.poll_transmit(now, &mut out).is_none() {
            return beyond;
        }
        let (after, window) = flight(victim);
        beyond += u64::from(after > before && after > window);
    }
}

fn at(port: u8) -> SocketAddr {
    ([192, 0, 2, 9], u16::from(port)).into()
}

fn act(victim: &mut Endpoint, now: Time, id: ConnectionId, how: u8) {
    // Refusals are as good as what they refuse.
    match how >> 2 & 15 {
        0..4 => drop(victim.send(id, Channel::ordered(1), vec![1; 2000].into())),
        4..6 => drop(victim.send_unreliable(id, 1, vec![2; 50].into())),
        6..8 => drop(victim.read(id, Channel::ordered(how & 3))),
        8..10 => drop(victim.read(id, Channel::unordered(how & 3))),
        10 => drop(victim.read_unreliable(id)),
        11 if how & 3 == 3 => victim.close(now, id, CloseCode::Done, "enough", ACK_DELAY),
        _ => victim.handle_timeout(now),
    }
}
