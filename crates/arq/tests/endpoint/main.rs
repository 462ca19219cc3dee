//! An endpoint from outside: what strangers without keys may do to it, what a call comes to, and how it
//! ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod calling;
mod closing;
mod cookies;
mod damage;
mod flood;
mod places;
#[path = "../seeded/mod.rs"]
mod seeded;

use std::net::SocketAddr;

use arq::{ConnectionId, Endpoint, Event, PublicKey, Time};

use seeded::endpoint;

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
