//! What strangers throw at the socket: a chat goes on through it.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

use arq::{Config, Endpoint, Identity, Time};
use tests::{Running, python};
use udp_peer::Entropy;

use crate::private_chat::pair;
use crate::support::{Home, take_message};

/// Garbage, cut and giant datagrams, some of which begin as packets do.
const THROW: &str = "
import os, random, socket, sys
random.seed(7)
to = [(host, int(port)) for host, port in (arg.split(':') for arg in sys.argv[1:])]
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
for number in range(6000):
    kind = random.choice([0, 8, 9, 10, 11, 12, 13, 255])
    length = random.choice([0, 1, 3, 17, 18, 100, 1183, 1200, 1201, 2048, 2049, 9000, 65507])
    data = (bytes([kind]) + random.randbytes(length))[:min(length, 65507)]
    if kind == 8 and length >= 1200:
        data = bytes([8, 1, random.choice([1, 2, 3]), 0]) + data[4:1200]
    random.choice(sockets).sendto(data, random.choice(to))
print(number + 1)
";

#[test]
fn a_chat_goes_on_through_garbage_cut_and_giant_datagrams() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, one, other) = pair(51, &homes, &[]);
    let Some(mut throw) = python(THROW, &[&one, &other]) else { return };
    left.write(b"before\n");
    take_message(&mut right, "before");
    let throwing = Running::start(&mut throw);
    for round in 0..100 {
        left.write(format!("左 {round}\n").as_bytes());
        take_message(&mut right, &format!("左 {round}"));
        right.write(format!("右 {round}\n").as_bytes());
        take_message(&mut left, &format!("右 {round}"));
    }
    let thrown = throwing.finish();
    assert_eq!(thrown.stdout_text(), "6000\n", "{}", thrown.stderr);
    left.write(b"after\n");
    take_message(&mut right, "after");
    left.close_stdin();
    right.close_stdin();
    for side in [left, right] {
        let done = side.finish();
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(done.end()["unconfirmed"], 0);
    }
}

/// How many first packets are sent.
const FIRST_PACKETS: usize = 100_000;

/// From so many addresses.
const ADDRESSES: usize = 1000;

/// How much more memory the program may take: what 512 unfinished handshakes are, and what the allocator
/// keeps of a second of work.
const MAX_GROWTH_KIB: u64 = 8 * 1024;

/// Each is one that an honest peer could send.
#[test]
fn a_flood_of_first_packets_takes_little_and_harms_nobody_who_is_known() {
    let homes = [Home::new(), Home::new()];
    let (mut left, mut right, one, _) = pair(52, &homes, &[]);
    left.write(b"before\n");
    take_message(&mut right, "before");
    let before = memory(left.pid());
    let to = one.clone();
    let flood = thread::spawn(move || {
        let identity = Identity::generate(&mut Entropy::default());
        let random = Box::new(Entropy::default());
        let mut endpoint = Endpoint::new(Time::ZERO, identity, Config::default(), random);
        let sockets: Vec<UdpSocket> = (0..ADDRESSES)
            .map(|number| {
                let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
                UdpSocket::bind((Ipv4Addr::new(127, 88, high, low), 0)).unwrap()
            })
            .collect();
        let to_addr = to.parse().unwrap();
        for number in 0..FIRST_PACKETS {
            let id = endpoint.connect(Time::ZERO, to_addr, None).unwrap();
            let mut packet = Vec::new();
            endpoint.poll_transmit(Time::ZERO, &mut packet).unwrap();
            endpoint.forget(id);
            // A full buffer of the sender is no failure of anybody.
            let _ = sockets[number % ADDRESSES].send_to(&packet, to_addr);
        }
    });
    let mut rounds = 0;
    while !flood.is_finished() {
        left.write(format!("左 {rounds}\n").as_bytes());
        take_message(&mut right, &format!("左 {rounds}"));
        right.write(format!("右 {rounds}\n").as_bytes());
        take_message(&mut left, &format!("右 {rounds}"));
        rounds += 1;
    }
    flood.join().unwrap();
    let growth = memory(left.pid()).saturating_sub(before);
    println!("{rounds} rounds of talk, {growth} KiB more memory");
    assert!(rounds > 10, "{rounds}");
    assert!(growth < MAX_GROWTH_KIB, "{growth} KiB");
}

/// What a process has in memory, in KiB.
fn memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
