//! A wire between two programs that loses, damages, reorders and can be cut: a thread for each direction,
//! seeded, without root.

use std::net::UdpSocket;
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
            let mut addr: std::net::SocketAddr = addr.parse().unwrap();
            addr.set_port(0);
            peer_on(addr)
        };
        let (near_one, near_other) = (near(one), near(other));
        let address = |socket: &UdpSocket| socket.local_addr().unwrap().to_string();
        let ends = (address(&near_one), address(&near_other));
        let faults = Arc::new(Faults::default());
        carry(&near_one, &near_other, other, 1, &faults);
        carry(&near_other, &near_one, one, 2, &faults);
        Self { faults, ends }
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
        thread::sleep(time);
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

fn carry(from: &UdpSocket, by: &UdpSocket, to: &str, seed: u64, faults: &Arc<Faults>) {
    let (from, by) = (from.try_clone().unwrap(), by.try_clone().unwrap());
    let (to, faults) = (to.to_owned(), Arc::clone(faults));
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
        let send = |bytes: &[u8]| drop(by.send_to(bytes, &to));
        while !faults.is_over.load(Ordering::Relaxed) {
            let Ok((len, _)) = from.recv_from(&mut buf) else {
                held.take().iter().for_each(|bytes| send(bytes));
                continue;
            };
            let datagram = &mut buf[..len];
            count += 1;
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
