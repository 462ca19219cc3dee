//! A thousand clients that reset at once cost what they cost while they are there, and nothing after.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;
use socket2::SockRef;

use crate::support::program::Program;
use crate::support::{assert_echoes, connect, eventually, proc};

const CLIENTS: usize = 1000;

/// After so many storms the allocator has what storms need, and after as many again it must not have much
/// more: a comparison with the time before the first one would take what is kept for the next for a leak.
const STORMS: usize = 20;

/// How much more may be resident then: 8 MiB, several times what the allocator's scatter moves it up and
/// down by. Connections that leave 450 bytes each fail the test.
const SCATTER: usize = 8 * 1024 * 1024;

fn clients(program: &Program) -> Vec<TcpStream> {
    let client = |_| {
        let mut client = connect(&program.addr);
        client.write_all(b"hello").unwrap();
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        client
    };
    (0..CLIENTS).map(client).collect()
}

/// Waits until all of them are reported as reset.
fn await_resets(program: &mut Program) {
    let mut endings = BTreeMap::new();
    while endings.values().sum::<usize>() < CLIENTS {
        let event = program.next_event();
        if event["event"] == "closed" {
            *endings.entry(event["ending"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(endings, BTreeMap::from([("PeerReset".to_owned(), CLIENTS)]));
}

/// Clients who reset at once, whether or not they were accepted.
fn storm(program: &mut Program) {
    drop(clients(program));
    await_resets(program);
}

/// Clients who are all there before they reset: more than that no storm needs.
fn full_house(program: &mut Program) {
    let mut clients = clients(program);
    for client in &mut clients {
        client.read_exact(&mut [0; 5]).unwrap();
    }
    drop(clients);
    await_resets(program);
}

#[test]
fn nothing_is_left_of_them() {
    let mut program = Program::start(&[]);
    assert_echoes(&mut connect(&program.addr), "before");
    program.event("open");
    program.event("closed");
    let descriptors = proc::descriptors(program.pid());
    full_house(&mut program);
    (0..STORMS).for_each(|_| storm(&mut program));
    let resident = proc::resident(program.pid());
    (0..STORMS).for_each(|_| storm(&mut program));
    eventually("the descriptors are closed", || {
        (proc::descriptors(program.pid()) == descriptors).then_some(())
    });
    let grown = proc::resident(program.pid()).saturating_sub(resident);
    assert!(grown <= SCATTER, "{grown} bytes more than {resident}");

    let used = proc::cpu_time_of_a_second(program.pid());
    assert!(used <= Duration::from_millis(10), "{used:?} of processor time to do nothing");

    assert_echoes(&mut connect(&program.addr), "after");
    program.signal(Signal::SIGTERM);
    let left = program.wait();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    assert_eq!(left.end()["served"], (1 + 2 * STORMS) * CLIENTS + 2);
}
