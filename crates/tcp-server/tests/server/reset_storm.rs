//! A thousand clients that reset at once cost what they cost while they are there, and nothing after.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use nix::sys::signal::Signal;
use socket2::SockRef;

use crate::support::program::Program;
use crate::support::{assert_echoes, connect, eventually, proc};

const CLIENTS: usize = 1000;
const STORMS: usize = 10;

/// How much memory may be resident afterwards that was not before: what one storm takes while it lasts,
/// a read's room of 16 KiB and a task for each client, which the allocator keeps for the next one. It
/// does not grow with the number of storms, so a leak of 2.5 KiB a connection fails the test.
const KEPT: usize = CLIENTS * 24 * 1024;

/// One storm; every connection of it is reported as reset.
fn storm(program: &mut Program) {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = connect(&program.addr);
            client.write_all(b"hello").unwrap();
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
            client
        })
        .collect();
    drop(clients);
    let mut endings = BTreeMap::new();
    while endings.values().sum::<usize>() < CLIENTS {
        let event = program.next_event();
        if event["event"] == "closed" {
            *endings.entry(event["ending"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(endings, BTreeMap::from([("PeerReset".to_owned(), CLIENTS)]));
}

#[test]
fn nothing_is_left_of_them() {
    let mut program = Program::start(&[]);
    assert_echoes(&mut connect(&program.addr), "before");
    program.event("open");
    program.event("closed");
    let descriptors = proc::descriptors(program.pid());
    let resident = proc::resident(program.pid());
    for _ in 0..STORMS {
        storm(&mut program);
    }
    eventually("the descriptors are closed", || {
        (proc::descriptors(program.pid()) == descriptors).then_some(())
    });
    let grown = proc::resident(program.pid()).saturating_sub(resident);
    assert!(grown <= KEPT, "{grown} bytes more than before");

    let used = proc::cpu_time_of_a_second(program.pid());
    assert!(used <= Duration::from_millis(10), "{used:?} of processor time to do nothing");

    assert_echoes(&mut connect(&program.addr), "after");
    program.signal(Signal::SIGTERM);
    let left = program.wait();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    assert_eq!(left.end()["served"], STORMS * CLIENTS + 2);
}
