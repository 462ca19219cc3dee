//! What a peer costs that is silent, by an allocator that counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod seeded;

use std::alloc::System;
use std::net::SocketAddr;
use std::time::Duration;

use arq::{Channel, ConnectionId, Endpoint, Event, Time};
use cap::Cap;

use seeded::endpoint;

#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

const PEERS: u16 = 200;

/// What a silent peer may cost, in bytes.
const LIMIT: usize = 8 * 1024;

fn server_at() -> SocketAddr {
    ([192, 0, 2, 1], 1).into()
}

/// A peer of the server, and what it wants of it: an answer of 30,000 bytes to as many.
struct Client {
    endpoint: Endpoint,
    at: SocketAddr,
    answered: usize,
}

#[test]
fn an_idle_peer_costs_at_most_8_kib() {
    let mut server = endpoint(1);
    let mut clients: Vec<Client> = (0..PEERS)
        .map(|n| Client { endpoint: endpoint(2 + u64::from(n)), at: at(n), answered: 0 })
        .collect();
    for client in &mut clients {
        client.endpoint.connect(Time::ZERO, server_at(), Some(server.public_key())).unwrap();
    }
    let mut now = Time::ZERO;
    // Twenty minutes, in which all have long said what they wanted to say, and keys have changed.
    while now.since(Time::ZERO) < Duration::from_secs(1200) {
        talk(now, &mut server, &mut clients);
        let times = clients.iter().map(|client| client.endpoint.poll_timeout());
        let next = times.chain([server.poll_timeout()]).flatten().min();
        now = next.unwrap().max(now + Duration::from_millis(1));
        server.handle_timeout(now);
        for client in &mut clients {
            client.endpoint.handle_timeout(now);
        }
    }
    assert!(clients.iter().all(|client| client.answered == 30_000));
    let with = ALLOCATED.allocated();
    drop(server);
    let each = (with - ALLOCATED.allocated()) / usize::from(PEERS);
    eprintln!("{each} bytes for each idle peer");
    assert!(each <= LIMIT, "{each} bytes for each peer");
    assert!(each > 512, "the server is not what was dropped: {each} bytes");
}

fn at(client: u16) -> SocketAddr {
    ([10, 0, 0, client.to_be_bytes()[1]], 1000 + client).into()
}

/// Passes on what there is to send, until there is nothing.
fn talk(now: Time, server: &mut Endpoint, clients: &mut [Client]) {
    let mut datagram = Vec::new();
    let mut silent = false;
    while !silent {
        silent = true;
        for client in &mut *clients {
            while client.endpoint.poll_transmit(now, &mut datagram).is_some() {
                server.handle_datagram(now, client.at, &mut datagram);
                silent = false;
            }
        }
        while let Some((id, event)) = server.poll_event() {
            answer(server, id, &event);
        }
        while let Some(to) = server.poll_transmit(now, &mut datagram) {
            let client = &mut clients[usize::from(to.port() - 1000)];
            client.endpoint.handle_datagram(now, server_at(), &mut datagram);
            silent = false;
        }
        for client in &mut *clients {
            while let Some((id, event)) = client.endpoint.poll_event() {
                client.answered += answer(&mut client.endpoint, id, &event);
            }
        }
    }
}

/// The opener says something, the other says the same; how much was read is the answer.
fn answer(endpoint: &mut Endpoint, id: ConnectionId, event: &Event) -> usize {
    let mut read = 0;
    match event {
        Event::Established { incoming: false, .. } => {
            for channel in [Channel::ordered(0), Channel::unordered(1), Channel::ordered(2)] {
                endpoint.send(id, channel, vec![1; 10_000].into()).unwrap();
            }
        }
        Event::Readable(channel) => {
            while let Some(message) = endpoint.read(id, *channel) {
                read += message.len();
                if message[0] == 1 {
                    endpoint.send(id, *channel, vec![2; message.len()].into()).unwrap();
                }
            }
        }
        Event::Ended { end, .. } => panic!("{end}"),
        _ => {}
    }
    read
}
