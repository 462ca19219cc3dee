//! What a handshake of `arq` costs both sides together, from the first packet until both have keys.
//!
//! The goal is 1.5 ms; `handshake/ik` is with a peer whose key is known, `handshake/xx` with another.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot set itself up has failed")]

use std::net::SocketAddr;

use arq::{Config, Endpoint, Event, Identity, Random, Time};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

struct Seeded(fastrand::Rng);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

fn endpoint(seed: u64) -> Endpoint {
    let mut random = Seeded(fastrand::Rng::with_seed(seed));
    let identity = Identity::generate(&mut random);
    Endpoint::new(Time::ZERO, identity, Config::default(), Box::new(random))
}

fn at(port: u16) -> SocketAddr {
    ([192, 0, 2, 1], port).into()
}

/// Passes datagrams until the one that answers has keys too.
fn shake(ann: &mut Endpoint, bob: &mut Endpoint) {
    let mut datagram = Vec::new();
    loop {
        while ann.poll_transmit(Time::ZERO, &mut datagram).is_some() {
            bob.handle_datagram(Time::ZERO, at(1), &mut datagram);
        }
        while bob.poll_transmit(Time::ZERO, &mut datagram).is_some() {
            ann.handle_datagram(Time::ZERO, at(2), &mut datagram);
        }
        if let Some((_, Event::Established { .. })) = bob.poll_event() {
            return;
        }
    }
}

fn handshake(c: &mut Criterion) {
    let mut group = c.benchmark_group("handshake");
    for (name, known) in [("ik", true), ("xx", false)] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || (endpoint(1), endpoint(2)),
                |(mut ann, mut bob)| {
                    let key = known.then(|| bob.public_key());
                    ann.connect(Time::ZERO, at(2), key).unwrap();
                    shake(&mut ann, &mut bob);
                    (ann, bob)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, handshake);
criterion_main!(benches);
