//! Two peers and the nodes between them, in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use arq::Time;
use fastrand::Rng;

use crate::node::{Datagram, Node};
use crate::peer::Peer;

/// How many things may happen at one moment before something turns in circles.
const MOST_AT_ONCE: u32 = 100_000;

pub(crate) struct Ring {
    pub(crate) now: Time,
    pub(crate) ann: Peer,
    pub(crate) bob: Peer,
    /// From Ann to Bob.
    pub(crate) there: Vec<Box<dyn Node>>,
    /// From Bob to Ann.
    pub(crate) back: Vec<Box<dyn Node>>,
    /// What is under way: when it reaches which node of which way. The number keeps the order.
    pub(crate) under_way: BTreeMap<(Time, u64), (bool, usize, Datagram)>,
    count: u64,
    pub(crate) rng: Rng,
}

pub(crate) fn ann_at() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 1000))
}

pub(crate) fn bob_at() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 2000))
}

impl Ring {
    pub(crate) fn new(ann: Peer, bob: Peer, rng: Rng) -> Self {
        Self {
            now: Time::ZERO,
            ann,
            bob,
            there: Vec::new(),
            back: Vec::new(),
            under_way: BTreeMap::new(),
            count: 0,
            rng,
        }
    }

    /// Goes on until `done` or the time is over; whether it was done is the answer.
    pub(crate) fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let mut at_once = 0;
        loop {
            for datagram in self.ann.work(self.now) {
                self.launch(true, datagram);
            }
            for datagram in self.bob.work(self.now) {
                self.launch(false, datagram);
            }
            self.ann.check_step(&mut self.bob);
            self.bob.check_step(&mut self.ann);
            if done(self) {
                return true;
            }
            let first = self.under_way.first_key_value().map(|((time, _), _)| *time);
            let times = [first, self.ann.next(), self.bob.next()];
            let Some(next) = times.into_iter().flatten().min() else { return false };
            // A time that has passed means at once.
            let next = next.max(self.now);
            at_once = if next == self.now { at_once + 1 } else { 0 };
            assert!(at_once < MOST_AT_ONCE, "nothing but turning in circles at {next:?}");
            if next.since(Time::ZERO) > limit {
                return false;
            }
            self.now = next;
            self.step();
        }
    }

    fn step(&mut self) {
        while let Some(entry) = self.under_way.first_entry()
            && entry.key().0 <= self.now
        {
            let ((time, _), (there, place, datagram)) = entry.remove_entry();
            self.enter(there, place, time, datagram);
        }
        let now = self.now;
        for peer in [&mut self.ann, &mut self.bob] {
            if peer.endpoint.poll_timeout().is_some_and(|time| time <= now) {
                peer.endpoint.handle_timeout(now);
            }
        }
    }

    fn launch(&mut self, there: bool, datagram: Datagram) {
        self.count += 1;
        self.under_way.insert((self.now, self.count), (there, 0, datagram));
    }

    /// The datagram reaches the node at `place`, or the peer behind the last one.
    fn enter(&mut self, there: bool, place: usize, time: Time, datagram: Datagram) {
        let way = if there { &mut self.there } else { &mut self.back };
        let Some(node) = way.get_mut(place) else {
            let peer = if there { &mut self.bob } else { &mut self.ann };
            peer.receive(time, datagram);
            return;
        };
        for (arrival, datagram) in node.pass(time, &mut self.rng, datagram) {
            self.count += 1;
            self.under_way.insert((arrival, self.count), (there, place + 1, datagram));
        }
    }
}
