//! The networks: those of the QUIC interop runner, of neqo, and of others' faults.

use std::time::Duration;

use fastrand::Rng;

use crate::node::{
    Corrupt, Cut, Delay, Drop, DropList, Duplicate, Mtu, Nat, NatIn, NatOut, Node, Rate, Reorder,
};
use crate::ring::Ring;
use crate::{Scenario, each_seed, ms};

fn delay(millis: u64, jitter: u64) -> Box<dyn Node> {
    Box::new(Delay::new(millis, jitter))
}

fn drop(chance: f64, burst: u32) -> Box<dyn Node> {
    Box::new(Drop::new(chance, burst))
}

#[test]
fn direct() {
    Scenario::default().check();
}

#[test]
fn fixed_delay() {
    Scenario { way: |_, _| vec![delay(20, 0)], ..Scenario::default() }.check();
}

#[test]
fn jitter() {
    Scenario { way: |_, _| vec![delay(0, 50)], ..Scenario::default() }.check();
}

/// 750 ms one way, as `longrtt` has it.
#[test]
fn long_round_trip() {
    Scenario { way: |_, _| vec![delay(750, 0)], ..Scenario::default() }.check();
}

/// `handshakeloss`: 30 % each way, in bursts of up to three, two on average.
#[test]
fn loss_in_bursts() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> = |_, _| vec![drop(0.18, 3), delay(15, 0)];
    let limit = Duration::from_secs(300);
    let idle = Duration::from_secs(120);
    Scenario { way, messages: 10, longest: 3000, limit, idle, ..Scenario::default() }.check();
}

/// `transferloss`: 2 % each way.
#[test]
fn transfer_with_losses() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> = |_, _| vec![drop(0.02, 3), delay(15, 2)];
    Scenario { way, longest: 200_000, messages: 10, ..Scenario::default() }.check();
}

#[test]
fn corruption() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> =
        |_, _| vec![Box::new(Corrupt { chance: 0.2 }), delay(15, 0)];
    Scenario { way, ..Scenario::default() }.check();
}

#[test]
fn reordering() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> =
        |_, _| vec![delay(20, 0), Box::new(Reorder { chance: 0.2, by: ms(60) })];
    Scenario { way, ..Scenario::default() }.check();
}

/// Everything may come again, up to five seconds later.
#[test]
fn replays() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> =
        |_, _| vec![delay(20, 0), Box::new(Duplicate { chance: 0.5, within: ms(5000) })];
    Scenario { way, ..Scenario::default() }.check();
}

/// 10 % loss, 3 % reordering, and a cut of five seconds.
#[test]
fn a_bad_day() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> = |_, _| {
        let cut = Cut { from: ms(1000), off: ms(5000), on: ms(1), times: 1 };
        let reorder = Reorder { chance: 0.03, by: ms(30) };
        vec![drop(0.1, 1), Box::new(cut), delay(20, 5), Box::new(reorder)]
    };
    Scenario { way, ..Scenario::default() }.check();
}

/// `blackhole`: five seconds nothing, two seconds as if nothing were wrong.
#[test]
fn blackhole() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> = |_, _| {
        let cut = Cut { from: ms(500), off: ms(5000), on: ms(2000), times: 4 };
        vec![Box::new(cut), delay(15, 0)]
    };
    let during = Duration::from_secs(20);
    let limit = Duration::from_secs(90);
    Scenario { way, during, limit, ..Scenario::default() }.check();
}

/// Nothing comes through from some moment on: what was confirmed until then can be read all the same.
#[test]
fn the_end_of_a_network() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> = |_, _| {
        let cut = Cut { from: ms(700), off: ms(3_600_000), on: ms(1), times: 1 };
        vec![Box::new(cut), drop(0.2, 3), delay(15, 0)]
    };
    let scenario = Scenario { way, ..Scenario::default() };
    each_seed(|seed| {
        let mut ring = scenario.ring(seed, &mut Rng::with_seed(seed));
        let over =
            |ring: &Ring| [&ring.ann, &ring.bob].into_iter().all(|peer| !peer.endpoint.is_busy());
        ring.run(ms(120_000), over);
    });
}

/// A link of 10 Mbit/s whose queue holds 30 ms.
#[test]
fn narrow_link_with_a_short_queue() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> =
        |_, _| vec![Box::new(Rate::new(10, ms(30))), delay(15, 0)];
    Scenario { way, longest: 300_000, messages: 10, ..Scenario::default() }.check();
}

/// The link carries what we send and not a byte more.
#[test]
fn exactly_the_length_of_a_datagram() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> =
        |_, _| vec![Box::new(Mtu(arq::limits::DATAGRAM)), delay(5, 0)];
    Scenario { way, ..Scenario::default() }.check();
}

/// `--drops_to_server=2..7` and the like: the second packets of a handshake, there and back.
#[test]
fn the_packets_behind_the_first_are_lost() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> = |rng, _| {
        let places: &[&'static [u32]] =
            &[&[1], &[1, 2], &[2, 3, 4], &[2, 3, 4, 5, 6, 7], &[3], &[]];
        vec![Box::new(DropList::new(places[rng.usize(..places.len())])), delay(15, 0)]
    };
    Scenario { way, ..Scenario::default() }.check();
}

/// A NAT that gives the host another address now and then; each time it loses what is under way.
fn nat(rng: &mut Rng, there: bool, address: fn(u16) -> std::net::SocketAddr) -> Vec<Box<dyn Node>> {
    // Both ways see the same moments, whatever else was drawn.
    let _ = rng;
    let moments = (0..8).map(|n| (ms(u64::from(n) * 700), address(n)));
    let nat = Nat(moments.collect());
    if there {
        vec![Box::new(NatOut(nat)), drop(0.02, 1), delay(15, 0)]
    } else {
        vec![delay(15, 0), drop(0.02, 1), Box::new(NatIn(nat))]
    }
}

pub(crate) fn another_port(rng: &mut Rng, there: bool) -> Vec<Box<dyn Node>> {
    nat(rng, there, |n| ([203, 0, 113, 1], 1000 + n).into())
}

/// `rebind-port`.
#[test]
fn rebind_port() {
    let during = Duration::from_secs(8);
    Scenario { way: another_port, during, keepalive: true, ..Scenario::default() }.check();
}

/// `rebind-addr`.
#[test]
fn rebind_address() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> =
        |rng, there| nat(rng, there, |n| ([203, 0, 113, u8::try_from(n).unwrap()], 1000).into());
    let during = Duration::from_secs(8);
    Scenario { way, during, keepalive: true, ..Scenario::default() }.check();
}

/// All at once, a little of each.
#[test]
fn everything_at_once() {
    let way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>> = |rng, _| {
        vec![
            drop(rng.f64() * 0.1, 3),
            Box::new(Corrupt { chance: rng.f64() * 0.05 }),
            Box::new(Duplicate { chance: rng.f64() * 0.1, within: ms(500) }),
            Box::new(Rate::new(rng.u64(2..50), ms(100))),
            delay(rng.u64(..100), rng.u64(..20)),
            Box::new(Reorder { chance: rng.f64() * 0.05, by: ms(50) }),
        ]
    };
    Scenario { way, limit: Duration::from_secs(120), ..Scenario::default() }.check();
}
