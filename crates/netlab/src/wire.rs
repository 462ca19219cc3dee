//! The link between the hosts, in user space: it reads, decides, records, and sends on.

mod carrier;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::clock::Clock;
use crate::lab::LabError;
use crate::link::Mac;
use crate::packet_ring::MissCount;
use crate::record::{Record, Verdict};
use crate::recording::Recording;
use crate::rule::{Rule, Rules};

use carrier::Carrier;

/// How many packets are read while the wire's thread waits for the lock: 50 us of its time.
const READ_AT_ONCE: usize = 256;

/// Where a host is joined to the wire.
#[derive(Debug)]
pub(crate) struct Plug {
    pub(crate) namespace: OwnedFd,
    pub(crate) mac: Mac,
}

/// The wire of a lab. It carries packets until it is dropped.
#[derive(Debug)]
pub struct Wire {
    shared: Arc<Shared>,
    misses: Mutex<Vec<MissCount>>,
    thread: Option<JoinHandle<()>>,
}

/// What the wire's thread and its users share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified when packets were recorded or delivered, if anybody waits.
    changed: Condvar,
    stop: AtomicBool,
    /// Written to wake the wire's thread.
    wake: EventFd,
}

#[derive(Debug)]
struct State {
    rules: Rules,
    recording: Recording,
    /// Packets that were carried and not recorded, for want of room.
    left_out: u64,
    /// Packets that are neither delivered nor dropped yet.
    on_the_way: u64,
    /// Counts changes of what is recorded, for those that wait for one.
    changes: u64,
    /// How many wait for a change: without any there is nobody to notify, which is a system call.
    waiting: usize,
    failure: Option<String>,
}

impl Wire {
    /// Makes the links to the hosts from a namespace of its own and begins to carry.
    pub(crate) fn start(clock: Clock, seed: u64, plugs: Vec<Plug>) -> Result<Self, LabError> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|e| LabError::new("make an eventfd", e))?;
        let state = State {
            rules: Rules::new(seed),
            recording: Recording::default(),
            left_out: 0,
            on_the_way: 0,
            changes: 0,
            waiting: 0,
            failure: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            wake,
        });
        let (ready, is_ready) = mpsc::sync_channel(1);
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("wire".into())
            .spawn(move || {
                let plugged = Carrier::plug_in(clock, of_thread, &plugs)
                    .and_then(|carrier| Ok((carrier.miss_counts()?, carrier)));
                match plugged {
                    Ok((misses, mut carrier)) => {
                        let _ = ready.send(Ok(misses));
                        carrier.carry();
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            })
            .map_err(|e| LabError::new("start the wire's thread", e))?;
        let misses = is_ready.recv().expect("the wire's thread says whether it is ready")?;
        Ok(Self { shared, misses: Mutex::new(misses), thread: Some(thread) })
    }

    /// Adds a rule after those that there are.
    pub fn add(&self, rule: Rule) {
        self.shared.lock().rules.add(rule);
    }

    /// Removes the rules of this name: the cable is whole again.
    pub fn remove(&self, name: &str) {
        self.shared.lock().rules.remove(name);
    }

    /// Puts a rule in the place of the one of this name, with no packet between the two; adds it behind
    /// the others where there is none of the name.
    pub fn replace(&self, name: &str, rule: Rule) {
        self.shared.lock().rules.replace(name, rule);
    }

    /// Everything recorded so far, in the order in which it was sent. A copy stands behind its packet.
    pub fn records(&self) -> Vec<Record> {
        let len = self.shared.lock().recording.len();
        let mut records = Vec::with_capacity(len);
        while records.len() < len {
            let state = self.shared.lock();
            let end = len.min(records.len() + READ_AT_ONCE);
            records.extend((records.len()..end).map(|place| state.read(place)));
        }
        in_order(records)
    }

    /// Frames that the wire could not take in, of all hosts. A run with any is not valid: they are
    /// neither delivered nor recorded.
    pub fn missed(&self) -> u64 {
        let mut misses = self.misses.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = misses.iter_mut().map(MissCount::read).sum();
        match counted {
            Ok(missed) => missed,
            Err(error) => {
                self.shared.lock().fail(format!("count what was missed: {error}"));
                0
            }
        }
    }

    /// Packets that were carried as the rules say, and for which the recording had no room left (see
    /// [`crate::recording`]).
    pub fn left_out(&self) -> u64 {
        self.shared.lock().left_out
    }

    /// What made the wire fail, if anything did. A run with a failure is not valid.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failure.clone()
    }

    /// Something that reads along, from the first packet on.
    pub(crate) fn follower(&self) -> Follower {
        Follower { shared: Arc::clone(&self.shared), next: 0 }
    }

    /// Waits until no packet is on its way any more, at most for `limit`; says whether that came.
    pub fn settle(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        while state.on_the_way > 0 && state.failure.is_none() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            state = self.shared.wait(state, left);
        }
        true
    }

    /// Waits until a packet is recorded for which `is_it` holds, at most for `limit`.
    pub fn wait_for(&self, limit: Duration, is_it: impl Fn(&Record) -> bool) -> Option<Record> {
        let deadline = Instant::now() + limit;
        let mut looked = Looked::default();
        loop {
            let (seen, fresh) = looked.look(&self.shared.lock());
            let some_left = fresh.len() >= READ_AT_ONCE;
            if let Some(found) = fresh.into_iter().find(&is_it) {
                return Some(found);
            }
            if some_left {
                continue;
            }
            let state = self.shared.lock();
            if state.changes == seen {
                let left = deadline.checked_duration_since(Instant::now())?;
                drop(self.shared.wait(state, left));
            }
        }
    }
}

/// Reads what is recorded while it is recorded, each packet once.
#[derive(Debug)]
pub(crate) struct Follower {
    shared: Arc<Shared>,
    next: usize,
}

impl Follower {
    /// What was recorded since it was asked last.
    pub(crate) fn fresh(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        loop {
            let state = self.shared.lock();
            let end = state.recording.len().min(self.next + READ_AT_ONCE);
            if end == self.next {
                return records;
            }
            records.extend((self.next..end).map(|place| state.read(place)));
            self.next = end;
        }
    }
}

/// How far a waiting thread has looked through the recording.
#[derive(Default)]
struct Looked {
    next: usize,
    /// Packets that it saw on their way, which it must look at once more.
    on_the_way: Vec<usize>,
}

impl Looked {
    /// What it has not seen yet, or not in this state; and which change that was.
    fn look(&mut self, state: &State) -> (u64, Vec<Record>) {
        let is_on_its_way = |place: usize| state.recording.get(place).verdict == Verdict::OnTheWay;
        let mut places: Vec<usize> =
            self.on_the_way.extract_if(.., |place| !is_on_its_way(*place)).collect();
        let end = state.recording.len().min(self.next + READ_AT_ONCE);
        self.on_the_way.extend((self.next..end).filter(|place| is_on_its_way(*place)));
        places.extend(self.next..end);
        self.next = end;
        (state.changes, places.into_iter().map(|place| state.read(place)).collect())
    }
}

/// Sorts by the moment of sending and numbers anew: the hosts' rings are read in turn, so two packets of
/// one instant may have been recorded in the wrong order.
fn in_order(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| record.sent);
    let mut numbers = vec![0; records.len()];
    for (index, record) in records.iter().enumerate() {
        numbers[record.number - 1] = index + 1;
    }
    for (index, record) in records.iter_mut().enumerate() {
        record.number = index + 1;
        record.copy_of = record.copy_of.map(|original| numbers[original - 1]);
    }
    records
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // A full counter means that the thread is awake already.
        let _ = self.shared.wake.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next change, at most for `limit`.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let waited = self.changed.wait_timeout(state, limit);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.waiting -= 1;
        state
    }

    /// Says that something has changed, and lets go of the state.
    fn tell(&self, mut state: MutexGuard<'_, State>) {
        state.changes += 1;
        let anybody = state.waiting > 0;
        drop(state);
        if anybody {
            self.changed.notify_all();
        }
    }
}

impl State {
    fn read(&self, place: usize) -> Record {
        self.recording.read(place, |rule| self.rules.name(rule))
    }

    /// Keeps the first failure: what follows is often its consequence.
    fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::record::HostId;

    fn record(number: usize, sent: u64, copy_of: Option<usize>) -> Record {
        Record {
            number,
            from: HostId(0),
            to: None,
            sent: Moment(sent),
            verdict: Verdict::Dropped,
            rule: None,
            copy_of,
            packet: None,
            len: 0,
            frame: Vec::new(),
        }
    }

    #[test]
    fn records_are_numbered_as_they_were_sent_and_a_copy_follows_its_packet() {
        let recorded = vec![
            record(1, 20, None),
            record(2, 20, Some(1)),
            record(3, 10, None),
            record(4, 20, None),
        ];
        let sorted: Vec<_> =
            in_order(recorded).iter().map(|r| (r.number, r.sent.0, r.copy_of)).collect();
        assert_eq!(sorted, [(1, 10, None), (2, 20, None), (3, 20, Some(2)), (4, 20, None)]);
    }
}
