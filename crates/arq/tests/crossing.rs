//! Two who call each other at the same time come to have one connection.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod seeded;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use arq::limits::{HALF_OPEN_TIME, MAX_HALF_OPEN_PER_HOST};
use arq::{Channel, ConnectionId, End, Endpoint, Event, PublicKey, Time};
use fastrand::Rng;

use seeded::endpoint;

const MILLISECOND: Duration = Duration::from_millis(1);

fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + u8::try_from(side).unwrap()], 7))
}

/// What one side has been told.
#[derive(Debug, Default)]
struct Side {
    established: Vec<(ConnectionId, bool)>,
    ended: Vec<(ConnectionId, End)>,
    read: Vec<Vec<u8>>,
}

struct World {
    endpoints: [Endpoint; 2],
    sides: [Side; 2],
    /// What is under way, by when it arrives.
    wire: BTreeMap<(Time, u64), (usize, Vec<u8>)>,
    count: u64,
    rng: Rng,
    /// Out of a hundred.
    loss: u8,
    delay: Duration,
}

impl World {
    fn new(seed: u64, loss: u8, delay: Duration) -> Self {
        Self {
            endpoints: [endpoint(2 * seed + 1), endpoint(2 * seed + 2)],
            sides: Default::default(),
            wire: BTreeMap::new(),
            count: 0,
            rng: Rng::with_seed(seed),
            loss,
            delay,
        }
    }

    fn keys(&self) -> [PublicKey; 2] {
        [0, 1].map(|side| self.endpoints[side].public_key())
    }

    /// Both act, and what they send goes on its way.
    fn work(&mut self, now: Time) {
        for side in [0, 1] {
            let endpoint = &mut self.endpoints[side];
            while let Some((id, event)) = endpoint.poll_event() {
                match event {
                    Event::Established { incoming, .. } => {
                        self.sides[side].established.push((id, incoming));
                    }
                    Event::Ended { end, .. } => self.sides[side].ended.push((id, end)),
                    Event::Readable(channel) => {
                        while let Some(message) = endpoint.read(id, channel) {
                            self.sides[side].read.push(message.to_vec());
                        }
                    }
                    _ => {}
                }
            }
            let mut out = Vec::new();
            while self.endpoints[side].poll_transmit(now, &mut out).is_some() {
                if self.rng.u8(0..100) < self.loss {
                    continue;
                }
                // Up to twice the delay, so that some are overtaken.
                let late = self.rng.u32(0..1000);
                let at = now + self.delay + self.delay * late / 1000;
                self.count += 1;
                self.wire.insert((at, self.count), (1 - side, out.clone()));
            }
        }
    }

    /// Runs until the time has come.
    fn run(&mut self, from: Time, until: Time) -> Time {
        let mut now = from;
        loop {
            self.work(now);
            let timeouts = self.endpoints.iter().filter_map(Endpoint::poll_timeout);
            let next = timeouts.chain(self.wire.keys().next().map(|(at, _)| *at)).min();
            let Some(next) = next.filter(|next| *next <= until) else { return until };
            now = now.max(next);
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= now) {
                let (to, mut datagram) = entry.remove();
                self.endpoints[to].handle_datagram(now, address(1 - to), &mut datagram);
            }
            for endpoint in &mut self.endpoints {
                endpoint.handle_timeout(now);
            }
        }
    }
}

fn in_ms(ms: u64) -> Time {
    Time::from_nanos(ms * 1_000_000)
}

/// One connection, at both sides the same, on which both are heard; the other call has ended as crossed.
fn check_one(world: &mut World, now: Time, what: &str) {
    let [left, right] = &world.sides;
    let told = format!("{what}: {left:?} {right:?}");
    assert_eq!((left.established.len(), right.established.len()), (1, 1), "{told}");
    assert_ne!(left.established[0].1, right.established[0].1, "{told}");
    let ends: Vec<_> = left.ended.iter().chain(&right.ended).map(|(_, end)| end).collect();
    assert_eq!(ends, [&End::Crossed], "{told}");
    for side in [0, 1] {
        let id = world.sides[side].established[0].0;
        let text = format!("from {side}").into_bytes();
        world.endpoints[side].send(id, Channel::ordered(0), text.into()).unwrap();
    }
    world.run(now, now + Duration::from_secs(20));
    for side in [0, 1] {
        assert_eq!(world.sides[side].read, [format!("from {}", 1 - side).into_bytes()], "{what}");
    }
}

#[test]
fn two_calls_that_cross_become_one_connection() {
    let mut crossed = 0;
    for seed in 0..60 {
        for (loss, delay_ms) in [(0, 1), (0, 300), (30, 40)] {
            for known in [[false, false], [true, true], [true, false]] {
                let mut world = World::new(seed, loss, delay_ms * MILLISECOND);
                let keys = world.keys();
                let mut now = Time::ZERO;
                for (side, known) in known.into_iter().enumerate() {
                    let key = known.then_some(keys[1 - side]);
                    world.endpoints[side].connect(now, address(1 - side), key).unwrap();
                    // The second one calls while the first call is on its way, or has just arrived.
                    let later = now + MILLISECOND * world.rng.u32(0..600);
                    now = if side == 0 { world.run(now, later) } else { now };
                }
                let is_crossed = world.sides.iter().all(|side| side.established.is_empty());
                if !is_crossed {
                    // The first call was through before the second one began.
                    continue;
                }
                crossed += 1;
                let later = now + Duration::from_secs(19);
                now = world.run(now, later);
                check_one(&mut world, now, &format!("seed {seed}, loss {loss}, {delay_ms} ms"));
            }
        }
    }
    assert!(crossed > 100, "{crossed}");
}

#[test]
fn who_calls_somebody_that_has_just_come_is_heard_at_once() {
    // Nobody is there when the first one calls, so his calls are lost.
    for seed in 0..20 {
        let mut world = World::new(seed, 100, MILLISECOND);
        world.endpoints[0].connect(Time::ZERO, address(1), None).unwrap();
        let now = world.run(Time::ZERO, in_ms(4000));
        world.loss = 0;
        world.endpoints[1].connect(now, address(0), None).unwrap();
        let now = world.run(now, now + 20 * MILLISECOND);
        check_one(&mut world, now, &format!("seed {seed}"));
    }
}

#[test]
fn who_sends_in_the_name_of_the_peer_holds_a_call_up_once() {
    let mut world = World::new(5, 100, MILLISECOND);
    let mut now = Time::ZERO;
    // First packets of others, which come from the address that is called.
    let forge = |world: &mut World, now, seeds: std::ops::Range<u64>| {
        for seed in seeds {
            let mut stranger = endpoint(1000 + seed);
            stranger.connect(now, address(0), None).unwrap();
            let mut out = Vec::new();
            stranger.poll_transmit(now, &mut out).unwrap();
            world.endpoints[0].handle_datagram(now, address(1), &mut out);
        }
    };
    forge(&mut world, now, 0..u64::try_from(MAX_HALF_OPEN_PER_HOST).unwrap());
    now = world.run(now, now);
    world.loss = 0;
    let id = world.endpoints[0].connect(now, address(1), None).unwrap();
    now = world.run(now, now + HALF_OPEN_TIME * 99 / 100);
    assert_eq!(world.sides[0].established, []);
    forge(&mut world, now, 100..130);
    now = world.run(now, now + 200 * MILLISECOND);
    assert_eq!(world.sides[0].established, [(id, false)], "at {now:?}");
}

/// Opens of somebody else hold up no call, and neither does an old one of who is called.
#[test]
fn only_a_handshake_of_who_is_called_holds_a_call_up() {
    for (from, age, is_held) in [
        (address(1), Duration::ZERO, true),
        (address(1), HALF_OPEN_TIME, false),
        (([10, 0, 0, 1], 8).into(), Duration::ZERO, false),
        (([10, 0, 0, 3], 7).into(), Duration::ZERO, false),
    ] {
        let (mut ours, mut stranger) = (endpoint(1), endpoint(2));
        let mut out = Vec::new();
        stranger.connect(Time::ZERO, address(0), None).unwrap();
        stranger.poll_transmit(Time::ZERO, &mut out).unwrap();
        ours.handle_datagram(Time::ZERO, from, &mut out);
        ours.poll_transmit(Time::ZERO, &mut out).unwrap();
        let now = Time::ZERO + age;
        ours.connect(now, address(1), None).unwrap();
        assert_eq!(ours.poll_transmit(now, &mut out).is_none(), is_held, "{from} {age:?}");
    }
}

#[test]
fn a_call_that_expects_another_key_is_not_ended_by_who_calls() {
    let mut world = World::new(9, 0, MILLISECOND);
    let stranger = endpoint(77).public_key();
    world.endpoints[0].connect(Time::ZERO, address(1), Some(stranger)).unwrap();
    world.endpoints[1].connect(Time::ZERO, address(0), None).unwrap();
    world.run(Time::ZERO, in_ms(5000));
    let ends: Vec<_> = world.sides[0].ended.iter().map(|(_, end)| end.clone()).collect();
    assert_eq!(ends, [End::WrongKey]);
}
