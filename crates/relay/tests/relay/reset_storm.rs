//! A thousand clients that reset at once.

use std::fs;
use std::time::Duration;

use relay::Limits;
use socket2::SockRef;

use crate::support::{Client, Relay, until};

const CLIENTS: usize = 300;

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn many_clients_that_reset_at_once_leave_nothing_behind() {
    // Both ends are in this process, and other tests run beside this one: the thousand of them is a test
    // of the program.
    let relay = Relay::start(Limits::default());
    let (mut alice, room) = Client::in_room(relay.address, "alice", "lobby");
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|n| Client::in_room(relay.address, &format!("client {n}"), "lobby").0)
        .collect();
    let during = descriptors();
    for client in clients {
        SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    let endings = relay.endings(CLIENTS);
    assert!(endings.iter().all(|ending| *ending == "PeerReset"), "{endings:?}");
    // Two for each client: its own end, and the relay's.
    until(|| (descriptors() + CLIENTS <= during).then_some(()));
    alice.say(room, 1, "still here");
    alice.hears("still here");
    assert_eq!(relay.stop().served, CLIENTS as u64 + 1);
}
