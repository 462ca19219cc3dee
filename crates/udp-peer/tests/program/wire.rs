//! A wire between two programs that loses, damages, reorders and can be cut: a thread for each direction,
//! seeded, without root.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::peer_on;

/// How long a datagram is held back at most that others shall overtake.
const HELD: Duration = Duration::from_millis(20);

/// How much of what went over the wire is kept to be looked at.
const KEPT: usize = 4 * 1024 * 1024;

/// A wire. Its threads end with it.
#[derive(Debug)]
pub(crate) struct Wire {
    faults: Arc<Faults>,
    ends: (String, String),
}

#[derive(Debug, Default)]
struct Faults {
    /// In hundredths.
    loss: AtomicU64,
    reorder: AtomicU64,
    /// One of so many; 0 for none.
    damage: AtomicU64,
    is_cut: AtomicBool,
    is_over: AtomicBool,
    lost: AtomicU64,
    reordered: AtomicU64,
    damaged: AtomicU64,
    seen: Mutex<Vec<u8>>,
}

impl Wire {
    /// Between two addresses. Each side calls the other at its end of the wire ([`Wire::ends`]).
    pub(crate) fn between(one: &str, other: &str) -> Self {
        let near = |addr: &str| {
            let mut addr: SocketAddr = addr.parse().unwrap();
            addr.set_port(0);
            peer_on(addr)
        };
        let (near_one, near_other) = (near(one), near(other));
        let address = |socket: &UdpSocket| socket.local_addr().unwrap().to_string();
        let ends = (address(&near_one), address(&near_other));
        let faults = Arc::new(Faults::default());
        let (there, back) = (Ends::of(&near_one, &near_other), Ends::of(&near_other, &near_one));
        carry(&there, Some(other), 1, &faults);
        carry(&back, Some(one), 2, &faults);
        Self { faults, ends }
    }

    /// To an address, for one caller wherever he is: the first end is his.
    pub(crate) fn to(addr: &str) -> Self {
        let mut wire = Self { faults: Arc::default(), ends: Default::default() };
        let mut near: SocketAddr = addr.parse().unwrap();
        near.set_port(0);
        let (near, far) = (peer_on(near), peer_on(near));
        wire.ends = (near.local_addr().unwrap().to_string(), far.local_addr().unwrap().to_string());
        let caller = Arc::new(Mutex::new(None));
        let there = Ends { from: &near, by: &far, caller: Some(&caller) };
        carry(&there, Some(addr), 1, &wire.faults);
        carry(&Ends { from: &far, by: &near, caller: Some(&caller) }, None, 2, &wire.faults);
        wire
    }

    /// The address at which the first one reaches the other, and the other the first.
    pub(crate) fn ends(&self) -> (String, String) {
        self.ends.clone()
    }

    /// Loses and reorders so many of a hundred.
    pub(crate) fn lose(&mut self, loss: u64, reorder: u64) {
        self.faults.loss.store(loss, Ordering::Relaxed);
        self.faults.reorder.store(reorder, Ordering::Relaxed);
    }

    /// Changes a byte of every so many.
    pub(crate) fn damage_every(&mut self, count: u64) {
        self.faults.damage.store(count, Ordering::Relaxed);
    }

    /// Carries nothing for so long.
    pub(crate) fn cut(&mut self, time: Duration) {
        self.faults.is_cut.store(true, Ordering::Relaxed);
        thread::sleep(time); // How long nothing passes is what is tested.
        self.faults.is_cut.store(false, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self) -> u64 {
        self.faults.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn reordered(&self) -> u64 {
        self.faults.reordered.load(Ordering::Relaxed)
    }

    pub(crate) fn damaged(&self) -> u64 {
        self.faults.damaged.load(Ordering::Relaxed)
    }

    /// What went over it.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.faults.seen.lock().unwrap().clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.faults.is_over.store(true, Ordering::Relaxed);
    }
}

/// The sockets of one direction.
struct Ends<'a> {
    from: &'a UdpSocket,
    by: &'a UdpSocket,
    /// Where the caller is, who is learnt by what he sends.
    caller: Option<&'a Arc<Mutex<Option<SocketAddr>>>>,
}

impl<'a> Ends<'a> {
    fn of(from: &'a UdpSocket, by: &'a UdpSocket) -> Self {
        Self { from, by, caller: None }
    }
}

/// Carries what comes to an address, or to the caller.
fn carry(ends: &Ends<'_>, to: Option<&str>, seed: u64, faults: &Arc<Faults>) {
    let (from, by) = (ends.from.try_clone().unwrap(), ends.by.try_clone().unwrap());
    let (to, caller) = (to.map(|to| to.parse().unwrap()), ends.caller.cloned());
    let faults = Arc::clone(faults);
    from.set_read_timeout(Some(HELD)).unwrap();
    thread::spawn(move || {
        let mut chance = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
        let mut of_hundred = || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance % 100
        };
        let mut held: Option<Vec<u8>> = None;
        let (mut buf, mut count) = (vec![0; 65_536], 0_u64);
        let add = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        // A send tells that nothing receives, which is as good as lost.
        let send = |bytes: &[u8]| {
            let caller = || caller.as_ref().and_then(|caller| *caller.lock().unwrap());
            if let Some(to) = to.or_else(caller) {
                drop(by.send_to(bytes, to));
            }
        };
        while !faults.is_over.load(Ordering::Relaxed) {
            let Ok((len, source)) = from.recv_from(&mut buf) else {
                held.take().iter().for_each(|bytes| send(bytes));
                continue;
            };
            let datagram = &mut buf[..len];
            count += 1;
            if let (Some(caller), Some(_)) = (&caller, to) {
                *caller.lock().unwrap() = Some(source);
            }
            let mut seen = faults.seen.lock().unwrap();
            if seen.len() < KEPT {
                seen.extend_from_slice(datagram);
            }
            drop(seen);
            let is_cut = faults.is_cut.load(Ordering::Relaxed);
            if is_cut || of_hundred() < faults.loss.load(Ordering::Relaxed) {
                add(&faults.lost);
                continue;
            }
            let damage = faults.damage.load(Ordering::Relaxed);
            if damage > 0 && count.is_multiple_of(damage) {
                datagram[len / 2] ^= 1;
                add(&faults.damaged);
            }
            if held.is_none() && of_hundred() < faults.reorder.load(Ordering::Relaxed) {
                held = Some(datagram.to_vec());
                add(&faults.reordered);
                continue;
            }
            send(datagram);
            held.take().iter().for_each(|bytes| send(bytes));
        }
    });
}
