//! The link between the hosts, in user space: it reads, decides, records, and sends on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::prctl;
use nix::sys::socket::{MsgFlags, send};
use nix::sys::time::TimeSpec;

use crate::clock::{Clock, Moment};
use crate::host::INTERFACE;
use crate::lab::LabError;
use crate::link::{self, Mac, VethPair};
use crate::packet::Packet;
use crate::packet_ring::{PacketRing, open_sender};
use crate::record::{HostId, Record, Verdict};
use crate::rule::{Decision, Rule, decide};

/// How many frames are taken from one host before the others have their turn.
const BATCH: usize = 64;

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
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified at each packet that is recorded and each that is delivered.
    changed: Condvar,
    /// Written to wake the wire's thread.
    wake: EventFd,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    records: Vec<Record>,
    missed: u64,
    failure: Option<String>,
    stop: bool,
}

impl Wire {
    /// Makes the links to the hosts from a namespace of its own and begins to carry.
    pub(crate) fn start(clock: Clock, plugs: Vec<Plug>) -> Result<Self, LabError> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|e| LabError::new("make an eventfd", e))?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), wake });
        let (ready, is_ready) = mpsc::sync_channel(1);
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("wire".into())
            .spawn(move || match Carrier::plug_in(clock, of_thread, &plugs) {
                Ok(mut carrier) => {
                    let _ = ready.send(Ok(()));
                    carrier.carry();
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            })
            .map_err(|e| LabError::new("start the wire's thread", e))?;
        is_ready.recv().expect("the wire's thread says whether it is ready")?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Adds a rule after those that there are.
    pub fn add(&self, rule: Rule) {
        self.shared.lock().rules.push(rule);
    }

    /// Removes the rules of this name: the cable is whole again.
    pub fn remove(&self, name: &str) {
        self.shared.lock().rules.retain(|rule| rule.name() != name);
    }

    /// Everything recorded so far, in the order in which it was sent.
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.shared.lock().records.clone();
        // The hosts' rings are read in turn, so two packets of one instant may stand in the wrong order.
        records.sort_by_key(|record| record.sent);
        for (index, record) in records.iter_mut().enumerate() {
            record.number = index + 1;
        }
        records
    }

    /// Frames that the wire could not take in, of all hosts. A run with any is not valid: they are
    /// neither delivered nor recorded.
    pub fn missed(&self) -> u64 {
        self.shared.lock().missed
    }

    /// What made the wire fail, if anything did. A run with a failure is not valid.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failure.clone()
    }

    /// Waits until no packet is on its way any more, at most for `limit`; says whether that came.
    pub fn settle(&self, limit: Duration) -> bool {
        let on_the_way = |state: &State| {
            state.failure.is_none()
                && state.records.iter().any(|record| record.verdict == Verdict::OnTheWay)
        };
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, limit, |s| on_the_way(s));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Waits until a packet is recorded for which `is_it` holds, at most for `limit`.
    pub fn wait_for(&self, limit: Duration, is_it: impl Fn(&Record) -> bool) -> Option<Record> {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        loop {
            if let Some(record) = state.records.iter().find(|record| is_it(record)) {
                return Some(record.clone());
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
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
}

/// A packet that waits for its moment.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Moment,
    /// Its place in the recording, which also keeps packets of one moment in order.
    index: usize,
    to: HostId,
    frame: Vec<u8>,
}

struct Port {
    ring: PacketRing,
    sender: OwnedFd,
}

/// The wire's thread.
struct Carrier {
    clock: Clock,
    shared: Arc<Shared>,
    ports: Vec<Port>,
    /// The Ethernet address of the host at each port.
    macs: Vec<Mac>,
    waiting: BinaryHeap<Reverse<Waiting>>,
}

impl Carrier {
    fn plug_in(clock: Clock, shared: Arc<Shared>, plugs: &[Plug]) -> Result<Self, LabError> {
        unshare(CloneFlags::CLONE_NEWNET)
            .map_err(|e| LabError::new("make the wire's network namespace", e))?;
        // The kernel rounds a sleep up by the slack, 50 us by default; a delay is kept to less.
        prctl::set_timerslack(1).map_err(|e| LabError::new("set the timer slack", e))?;
        let ports = plugs
            .iter()
            .enumerate()
            .map(|(number, plug)| Port::open(number, plug))
            .collect::<Result<_, _>>()?;
        let macs = plugs.iter().map(|plug| plug.mac).collect();
        Ok(Self { clock, shared, ports, macs, waiting: BinaryHeap::new() })
    }

    fn carry(&mut self) {
        loop {
            let took_all = self.take_in();
            self.deliver_due();
            if self.shared.lock().stop {
                return;
            }
            if took_all && let Err(error) = self.count_missed().and_then(|()| self.sleep()) {
                self.shared.lock().failure.get_or_insert(error.to_string());
                return;
            }
        }
    }

    /// Takes a batch of each host in; says whether none has more.
    fn take_in(&mut self) -> bool {
        let mut took_all = true;
        for (number, port) in self.ports.iter_mut().enumerate() {
            let mut state = self.shared.lock();
            let taken = port.ring.drain(BATCH, |frame| {
                let from = HostId(number);
                // A frame begins with the address that it is for.
                let to = self.macs.iter().position(|mac| frame.bytes.starts_with(mac)).map(HostId);
                let sent = self.clock.of_wall(frame.wall);
                self.waiting.extend(state.judge(from, to, sent, frame.bytes).map(Reverse));
            });
            took_all &= taken < BATCH;
        }
        self.shared.changed.notify_all();
        took_all
    }

    /// Hands over every packet whose moment has come.
    fn deliver_due(&mut self) {
        loop {
            // Taken before the send: a receiver may answer within it, and no answer comes before its
            // question.
            let now = self.clock.now();
            match self.waiting.peek() {
                Some(Reverse(next)) if next.at <= now => {}
                _ => return,
            }
            let Some(Reverse(packet)) = self.waiting.pop() else { return };
            let sender = self.ports[packet.to.0].sender.as_raw_fd();
            let sent = send(sender, &packet.frame, MsgFlags::empty());
            let mut state = self.shared.lock();
            match sent {
                Ok(_) => state.records[packet.index].verdict = Verdict::Delivered(now),
                Err(errno) => {
                    let number = packet.index + 1;
                    state.failure.get_or_insert(format!("send of packet {number}: {errno}"));
                }
            }
            self.shared.changed.notify_all();
        }
    }

    fn count_missed(&mut self) -> io::Result<()> {
        let missed = self.ports.iter_mut().map(|port| port.ring.missed());
        let missed = missed.sum::<io::Result<u64>>()?;
        self.shared.lock().missed = missed;
        Ok(())
    }

    /// Sleeps until a host sends, a packet's moment comes, or the wire is told to stop.
    fn sleep(&self) -> io::Result<()> {
        let left = self.waiting.peek().map(|next| next.0.at.since(self.clock.now()));
        let mut ready: Vec<PollFd<'_>> = self
            .ports
            .iter()
            .map(|port| port.ring.as_fd())
            .chain([self.shared.wake.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match ppoll(&mut ready, left.map(TimeSpec::from_duration), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Port {
    fn open(number: usize, plug: &Plug) -> Result<Self, LabError> {
        let name = format!("w{number}");
        let failed = |step| move |error: io::Error| LabError::new(step, error);
        let pair = VethPair {
            here: &name,
            there: INTERFACE,
            namespace: plug.namespace.as_fd(),
            mac: plug.mac,
        };
        link::create_veth(&pair).map_err(failed("make a veth pair"))?;
        link::turn_off_offloads(&name).map_err(failed("turn off the wire's offloads"))?;
        let index = link::index_of(&name).map_err(failed("find the veth"))?;
        let ring = PacketRing::open(index).map_err(failed("open a packet ring"))?;
        let sender = open_sender(index).map_err(failed("open a packet socket"))?;
        link::bring_up(index).map_err(failed("bring up the wire's end of the veth"))?;
        Ok(Self { ring, sender })
    }
}

impl State {
    /// Records a frame and asks the rules; gives back what is to be delivered.
    fn judge(
        &mut self,
        from: HostId,
        to: Option<HostId>,
        sent: Moment,
        frame: &[u8],
    ) -> Option<Waiting> {
        let packet = Packet::parse(frame);
        let index = self.records.len();
        let (verdict, rule, waiting) =
            match (to, decide(&mut self.rules, from, to, packet.as_ref())) {
                (Some(to), Decision::Deliver { delay, rule }) => {
                    let waiting =
                        Waiting { at: sent.after(delay), index, to, frame: frame.to_vec() };
                    (Verdict::OnTheWay, rule, Some(waiting))
                }
                (None, Decision::Deliver { .. }) => {
                    (Verdict::Dropped, Some("no host has this address".to_owned()), None)
                }
                (_, Decision::Drop { rule }) => (Verdict::Dropped, Some(rule), None),
            };
        self.records.push(Record {
            number: index + 1,
            from,
            to,
            sent,
            verdict,
            rule,
            packet,
            frame: frame.to_vec(),
        });
        waiting
    }
}
