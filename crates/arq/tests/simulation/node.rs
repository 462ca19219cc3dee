//! What happens to datagrams on the way, as nodes in a ring.
//!
//! The shape is that of neqo's simulator: each node takes a datagram and gives it, or not, to the next.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use arq::Time;
use fastrand::Rng;

#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// What a node does with a datagram: gives it on at once, later, twice, or never.
pub(crate) type Fate = Vec<(Time, Datagram)>;

pub(crate) trait Node {
    fn pass(&mut self, now: Time, rng: &mut Rng, datagram: Datagram) -> Fate;
}

fn on(now: Time, datagram: Datagram) -> Fate {
    vec![(now, datagram)]
}

/// Later by so much, and by up to `jitter` more, in the same order.
pub(crate) struct Delay {
    pub(crate) time: Duration,
    pub(crate) jitter: Duration,
    pub(crate) last: Time,
}

impl Delay {
    pub(crate) fn new(millis: u64, jitter: u64) -> Self {
        let (time, jitter) = (Duration::from_millis(millis), Duration::from_millis(jitter));
        Self { time, jitter, last: Time::ZERO }
    }
}

impl Node for Delay {
    fn pass(&mut self, now: Time, rng: &mut Rng, datagram: Datagram) -> Fate {
        let arrival = (now + self.time + self.jitter.mul_f64(rng.f64())).max(self.last);
        self.last = arrival;
        on(arrival, datagram)
    }
}

/// Losses in bursts: a datagram is lost with this chance, and then up to `burst - 1` behind it.
pub(crate) struct Drop {
    pub(crate) chance: f64,
    pub(crate) burst: u32,
    left: u32,
}

impl Drop {
    pub(crate) fn new(chance: f64, burst: u32) -> Self {
        Self { chance, burst, left: 0 }
    }
}

impl Node for Drop {
    fn pass(&mut self, now: Time, rng: &mut Rng, datagram: Datagram) -> Fate {
        if self.left > 0 {
            self.left -= 1;
            return Fate::new();
        }
        if rng.f64() < self.chance {
            self.left = rng.u32(0..self.burst);
            return Fate::new();
        }
        on(now, datagram)
    }
}

/// The datagrams with these places are lost, counted from 1, as in `--drops_to_server` of the QUIC interop
/// runner.
pub(crate) struct DropList {
    pub(crate) places: &'static [u32],
    seen: u32,
}

impl DropList {
    pub(crate) fn new(places: &'static [u32]) -> Self {
        Self { places, seen: 0 }
    }
}

impl Node for DropList {
    fn pass(&mut self, now: Time, _: &mut Rng, datagram: Datagram) -> Fate {
        self.seen += 1;
        if self.places.contains(&self.seen) { Fate::new() } else { on(now, datagram) }
    }
}

/// Some datagrams are held back so long that others overtake them.
pub(crate) struct Reorder {
    pub(crate) chance: f64,
    pub(crate) by: Duration,
}

impl Node for Reorder {
    fn pass(&mut self, now: Time, rng: &mut Rng, datagram: Datagram) -> Fate {
        let late = rng.f64() < self.chance;
        on(if late { now + self.by.mul_f64(rng.f64()) } else { now }, datagram)
    }
}

/// Some arrive again, up to so much later.
pub(crate) struct Duplicate {
    pub(crate) chance: f64,
    pub(crate) within: Duration,
}

impl Node for Duplicate {
    fn pass(&mut self, now: Time, rng: &mut Rng, datagram: Datagram) -> Fate {
        let mut fate = on(now, datagram.clone());
        while rng.f64() < self.chance {
            fate.push((now + self.within.mul_f64(rng.f64()), datagram.clone()));
        }
        fate
    }
}

/// Some arrive with bits turned, or cut.
pub(crate) struct Corrupt {
    pub(crate) chance: f64,
}

impl Node for Corrupt {
    fn pass(&mut self, now: Time, rng: &mut Rng, mut datagram: Datagram) -> Fate {
        if rng.f64() < self.chance {
            if rng.u8(..) < 32 {
                datagram.bytes.truncate(rng.usize(..datagram.bytes.len()));
            }
            for _ in 0..rng.u8(1..4) {
                let len = datagram.bytes.len();
                if len > 0 {
                    datagram.bytes[rng.usize(..len)] ^= 1 << rng.u8(..8);
                }
            }
        }
        on(now, datagram)
    }
}

/// A link of so many bytes a second, with a queue that drops what finds no room.
pub(crate) struct Rate {
    pub(crate) bytes_per_second: u64,
    pub(crate) queue: Duration,
    free: Time,
}

impl Rate {
    pub(crate) fn new(megabits: u64, queue: Duration) -> Self {
        Self { bytes_per_second: megabits * 1_000_000 / 8, queue, free: Time::ZERO }
    }
}

impl Node for Rate {
    fn pass(&mut self, now: Time, _: &mut Rng, datagram: Datagram) -> Fate {
        let start = self.free.max(now);
        if start.since(now) > self.queue {
            return Fate::new();
        }
        let nanos = datagram.bytes.len() as u64 * 1_000_000_000 / self.bytes_per_second;
        self.free = start + Duration::from_nanos(nanos);
        on(self.free, datagram)
    }
}

/// What is longer does not get through.
pub(crate) struct Mtu(pub(crate) usize);

impl Node for Mtu {
    fn pass(&mut self, now: Time, _: &mut Rng, datagram: Datagram) -> Fate {
        if datagram.bytes.len() > self.0 { Fate::new() } else { on(now, datagram) }
    }
}

/// Nothing gets through while it is cut: from `from` on for `off`, and again after each `on`.
pub(crate) struct Cut {
    pub(crate) from: Duration,
    pub(crate) off: Duration,
    pub(crate) on: Duration,
    pub(crate) times: u32,
}

impl Node for Cut {
    fn pass(&mut self, now: Time, _: &mut Rng, datagram: Datagram) -> Fate {
        let since = now.since(Time::ZERO);
        let Some(into) = since.checked_sub(self.from) else { return on(now, datagram) };
        let period = (self.off + self.on).as_nanos();
        let (turn, place) = (into.as_nanos() / period, into.as_nanos() % period);
        let is_cut = turn < u128::from(self.times) && place < self.off.as_nanos();
        if is_cut { Fate::new() } else { on(now, datagram) }
    }
}

/// The addresses that a NAT gives the same host, one after the other, from these moments on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nat(pub(crate) BTreeMap<Duration, SocketAddr>);

impl Nat {
    fn now(&self, now: Time) -> Option<SocketAddr> {
        let before = self.0.range(..=now.since(Time::ZERO)).next_back();
        before.map(|(_, address)| *address)
    }
}

/// The way out of the NAT: the datagram is from the present address.
pub(crate) struct NatOut(pub(crate) Nat);

impl Node for NatOut {
    fn pass(&mut self, now: Time, _: &mut Rng, mut datagram: Datagram) -> Fate {
        if let Some(address) = self.0.now(now) {
            datagram.from = address;
        }
        on(now, datagram)
    }
}

/// The way in: what is not for the present address is for nobody.
pub(crate) struct NatIn(pub(crate) Nat);

impl Node for NatIn {
    fn pass(&mut self, now: Time, _: &mut Rng, datagram: Datagram) -> Fate {
        let lost = self.0.now(now).is_some_and(|address| address != datagram.to);
        if lost { Fate::new() } else { on(now, datagram) }
    }
}
