//! Limits of an endpoint that only many peers reach.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::net::SocketAddr;

use arq::limits::MAX_CONNECTIONS;
use arq::{Config, Endpoint, Event, Identity, Random, Time, TooMany};
use fastrand::Rng;

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

#[test]
fn max_connections_are_called_and_no_more() {
    let mut endpoint = endpoint(1);
    let to = SocketAddr::from(([10, 0, 0, 1], 7));
    let ids: Vec<_> =
        (0..MAX_CONNECTIONS).map(|_| endpoint.connect(Time::ZERO, to, None).unwrap()).collect();
    assert_eq!(endpoint.connect(Time::ZERO, to, None), Err(TooMany));
    endpoint.forget(ids[7]);
    assert!(endpoint.connect(Time::ZERO, to, None).is_ok());
}

/// An endpoint that is full drops first packets, and takes the next one when there is room.
#[test]
fn max_connections_are_accepted_and_no_more() {
    let (mut server, mut client) = (endpoint(2), endpoint(3));
    let server_at = SocketAddr::from(([10, 0, 0, 1], 7));
    let now = Time::ZERO;
    let mut out = Vec::new();
    let mut accepted = Vec::new();
    let mut shake = |server: &mut Endpoint, client: &mut Endpoint, number: usize| {
        let [.., high, low] = number.to_be_bytes();
        let client_at = SocketAddr::from(([10, 1, high, low], 7));
        let id = client.connect(now, server_at, Some(server.public_key())).unwrap();
        for _ in 0..3 {
            while client.poll_transmit(now, &mut out).is_some() {
                server.handle_datagram(now, client_at, &mut out);
            }
            while server.poll_transmit(now, &mut out).is_some() {
                client.handle_datagram(now, server_at, &mut out);
            }
        }
        // What is at the other end is not what is measured here.
        client.forget(id);
        while client.poll_event().is_some() {}
        let event = std::iter::from_fn(|| server.poll_event())
            .find(|(_, event)| matches!(event, Event::Established { .. }));
        event.map(|(id, _)| id)
    };
    for number in 0..MAX_CONNECTIONS {
        accepted.push(shake(&mut server, &mut client, number).unwrap());
    }
    assert_eq!(shake(&mut server, &mut client, 1), None);
    assert_eq!(server.counts().refused, 1);
    server.forget(accepted[100]);
    assert!(shake(&mut server, &mut client, 1).is_some());
}
