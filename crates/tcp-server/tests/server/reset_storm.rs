//! A thousand clients that reset at once cost what they cost while they are there, and nothing after.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;
use tcp_server::program::make_room;
use tokio::io::AsyncWriteExt as _;

use crate::support::program::Program;
use crate::support::way::{Dialed, Way, client_hello};
use crate::support::{eventually, proc};

const CLIENTS: usize = 1000;

/// After so many storms the allocator has what storms need, and after as many again it must not have much
/// more: a comparison with the time before the first one would take what is kept for the next for a leak.
const STORMS: usize = 20;

/// How much more may be resident then: 8 MiB, several times what the allocator's scatter moves it up and
/// down by. Connections that leave 450 bytes each fail the test.
const SCATTER: usize = 8 * 1024 * 1024;

/// What is beside TCP adds things of kibibytes to a connection, which a few storms show.
fn storms(way: Way) -> usize {
    if way == Way::Tcp { STORMS } else { STORMS / 4 }
}

/// How many have talked before they reset. A handshake without optimisation costs some milliseconds.
const TALKERS: usize = 200;

/// Clients who reset at once, whether or not they were accepted. Over TLS they do so in the middle of a
/// handshake: before a word of it, after half of one, or when the server is at work for them.
async fn storm(way: Way, hello: &[u8], program: &mut Program) {
    let mut clients = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let mut client = way.knock(&program.addr).await.unwrap().plain();
        let says = if way.is_tls() { &hello[..hello.len() * (number % 3) / 2] } else { b"hello" };
        client.stream.write_all(says).await.unwrap();
        clients.push(client);
    }
    clients.into_iter().for_each(Dialed::reset);
    await_resets(way, CLIENTS, program);
}

/// Clients who are all there before they reset: more than that no storm needs.
async fn full_house(way: Way, program: &mut Program) {
    let count = if way.is_tls() { TALKERS } else { CLIENTS };
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = way.dial(&program.addr).await;
        client.assert_echoes("hello").await;
        clients.push(client);
    }
    clients.into_iter().for_each(Dialed::reset);
    await_resets(way, count, program);
}

/// Waits until all of them are reported as reset. A Unix socket has no reset: who closes it with something
/// unread is told of as one, and who does so before his answer as gone.
fn await_resets(way: Way, count: usize, program: &mut Program) {
    let mut endings = BTreeMap::new();
    while endings.values().sum::<usize>() < count {
        let event = program.next_event();
        if event["event"] == "closed" {
            *endings.entry(event["ending"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    if way == Way::Unix {
        let expected = ["PeerFin", "PeerGone", "PeerReset"];
        assert!(endings.keys().all(|ending| expected.contains(&ending.as_str())), "{endings:?}");
    } else {
        assert_eq!(endings, BTreeMap::from([("PeerReset".to_owned(), count)]), "{way:?}");
    }
}

#[tokio::test]
async fn nothing_is_left_of_them() {
    nothing_is_left(Way::Tcp).await;
}

#[tokio::test]
async fn nothing_is_left_of_them_over_a_unix_socket() {
    nothing_is_left(Way::Unix).await;
}

#[tokio::test]
async fn nothing_is_left_of_them_over_tls() {
    nothing_is_left(Way::Tls).await;
}

async fn nothing_is_left(way: Way) {
    make_room(CLIENTS);
    let hello = client_hello().await;
    let mut program = Program::over(way, &[]);
    let mut before = way.dial(&program.addr).await;
    before.assert_echoes("before").await;
    before.stream.shutdown().await.unwrap();
    program.event("open");
    program.event("closed");
    drop(before);
    let descriptors = proc::descriptors(program.pid());
    full_house(way, &mut program).await;
    for _ in 0..storms(way) {
        storm(way, &hello, &mut program).await;
    }
    let resident = proc::resident(program.pid());
    for _ in 0..storms(way) {
        storm(way, &hello, &mut program).await;
    }
    eventually("the descriptors are closed", || {
        (proc::descriptors(program.pid()) == descriptors).then_some(())
    });
    let grown = proc::resident(program.pid()).saturating_sub(resident);
    assert!(grown <= SCATTER, "{way:?}: {grown} bytes more than {resident}");

    let used = proc::cpu_time_of_a_second(program.pid());
    assert!(used <= Duration::from_millis(10), "{used:?} of processor time to do nothing");

    way.dial(&program.addr).await.assert_echoes("after").await;
    program.signal(Signal::SIGTERM);
    let left = program.wait();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    let house = if way.is_tls() { TALKERS } else { CLIENTS };
    assert_eq!(left.end()["served"], 2 * storms(way) * CLIENTS + house + 2);
}
