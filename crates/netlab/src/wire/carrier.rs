//! The wire's thread.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::time::TimeSpec;

use super::{Plug, Shared, State};
use crate::clock::Clock;
use crate::frame_sender::{BATCH, FrameSender};
use crate::host::INTERFACE;
use crate::lab::LabError;
use crate::link::{self, Mac, VethPair};
use crate::packet::Packet;
use crate::packet_ring::{MissCount, PacketRing, RingFrame};
use crate::record::{HostId, Verdict};
use crate::recording::Entry;
use crate::rule::{Fate, NameId, Passing};
use crate::schedule::Schedule;

/// How long before a packet's moment the wire is awake. An idle core takes about 100 us to wake up, in a
/// virtual machine more, and a delay is kept to less.
const AWAKE_BEFORE: Duration = Duration::from_micros(150);

/// The rule that a recording names where no host has the address of a frame.
const NO_HOST: &str = "no host has this address";

pub(super) struct Carrier {
    cables: Cables,
    schedule: Schedule<Delayed>,
}

/// What leads to the hosts.
struct Cables {
    clock: Clock,
    shared: Arc<Shared>,
    ports: Vec<Port>,
    /// The Ethernet address of the host at each port.
    macs: Vec<Mac>,
    /// The number of the name [`NO_HOST`].
    no_host: NameId,
}

struct Port {
    ring: PacketRing,
    sender: FrameSender,
}

/// A packet that waits for its moment.
#[derive(Debug)]
struct Delayed {
    ticket: Ticket,
    frame: Vec<u8>,
}

/// A packet that goes on at once, straight from the ring that it came in.
struct Prompt<'a> {
    ticket: Ticket,
    frame: &'a [u8],
}

/// Whom a packet is for, and where it is recorded.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    to: HostId,
    /// None where the recording is full.
    place: Option<usize>,
}

impl Carrier {
    pub(super) fn plug_in(
        clock: Clock,
        shared: Arc<Shared>,
        plugs: &[Plug],
    ) -> Result<Self, LabError> {
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
        let no_host = shared.lock().rules.name_id(NO_HOST);
        let cables = Cables { clock, shared, ports, macs, no_host };
        Ok(Self { cables, schedule: Schedule::default() })
    }

    /// What counts the frames that the rings had no room for.
    pub(super) fn miss_counts(&self) -> Result<Vec<MissCount>, LabError> {
        let counts = self.cables.ports.iter().map(|port| port.ring.miss_count());
        counts.collect::<Result<_, _>>().map_err(|e| LabError::new("share a packet ring", e))
    }

    /// Carries until the wire is dropped, or fails.
    pub(super) fn carry(&mut self) {
        while !self.cables.shared.stop.load(Ordering::Acquire) {
            if let Err(why) = self.step() {
                let mut state = self.cables.shared.lock();
                state.fail(why);
                return self.cables.shared.tell(state);
            }
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let mut moved = 0;
        for port in 0..self.cables.ports.len() {
            moved += self.take_in(port)?;
        }
        moved += self.deliver_due()?;
        // Only when there was nothing at all: under load a look into the rings costs less than a call.
        if moved == 0 {
            self.sleep().map_err(|error| format!("wait for packets: {error}"))?;
        }
        Ok(())
    }

    /// Takes a batch of one host in and sends on what is not delayed; says how many frames it took.
    fn take_in(&mut self, number: usize) -> Result<usize, String> {
        let Self { cables, schedule } = self;
        let mut frames = cables.ports[number].ring.frames(BATCH).peekable();
        if frames.peek().is_none() {
            return Ok(0);
        }
        let mut prompt = Vec::with_capacity(BATCH);
        let mut taken = 0;
        let mut state = cables.shared.lock();
        for frame in frames {
            cables.judge(&mut state, schedule, HostId(number), &frame, &mut prompt);
            taken += 1;
        }
        cables.shared.tell(state);
        cables.send_on(&prompt)?;
        drop(prompt);
        cables.ports[number].ring.release(taken);
        Ok(taken)
    }

    /// Hands over every packet whose moment has come; says how many.
    fn deliver_due(&mut self) -> Result<usize, String> {
        if self.schedule.is_empty() {
            return Ok(0);
        }
        let mut delivered = 0;
        let now = self.cables.clock.now();
        let mut batch: Vec<Delayed> = Vec::with_capacity(BATCH);
        loop {
            let next = self.schedule.pop(now);
            // What arrives at one host at one moment goes with one call.
            let joins = |next: &Delayed| batch[0].ticket.to == next.ticket.to;
            let is_complete =
                !batch.is_empty() && (batch.len() == BATCH || !next.as_ref().is_some_and(joins));
            if is_complete {
                let frames: Vec<&[u8]> = batch.iter().map(|packet| &packet.frame[..]).collect();
                self.cables.send(batch[0].ticket.to, &frames, |packet| batch[packet].ticket)?;
                delivered += batch.len();
                batch.clear();
            }
            let Some(next) = next else { return Ok(delivered) };
            batch.push(next);
        }
    }

    /// Sleeps until a host sends, a packet's moment is near, or the wire is told to stop.
    fn sleep(&self) -> io::Result<()> {
        let left = self.schedule.next().map(|at| at.since(self.cables.clock.now()));
        if left.is_some_and(|left| left <= AWAKE_BEFORE) {
            std::hint::spin_loop();
            return Ok(());
        }
        let left = left.map(|left| left.saturating_sub(AWAKE_BEFORE));
        let ports = &self.cables.ports;
        let mut ready: Vec<PollFd<'_>> = ports
            .iter()
            .map(|port| port.ring.as_fd())
            .chain([self.cables.shared.wake.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match ppoll(&mut ready, left.map(TimeSpec::from_duration), None) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        let has_error =
            |ready: &PollFd<'_>| ready.revents().is_some_and(|e| e.contains(PollFlags::POLLERR));
        for (port, _) in ports.iter().zip(&ready).filter(|(_, ready)| has_error(ready)) {
            port.ring.take_error()?;
        }
        Ok(())
    }
}

impl Cables {
    /// Asks the rules about a frame, records it, and puts it, and what copies of it there are, among those
    /// that go on at once or later.
    fn judge<'f>(
        &self,
        state: &mut State,
        schedule: &mut Schedule<Delayed>,
        from: HostId,
        frame: &RingFrame<'f>,
        prompt: &mut Vec<Prompt<'f>>,
    ) {
        let now = self.clock.now();
        // A step of the wall clock, in which the kernel stamps, brings no packet from the future.
        let sent = self.clock.of_wall(frame.wall).min(now);
        let bytes = frame.bytes;
        // A frame begins with the address that it is for.
        let Some(to) = self.macs.iter().position(|mac| bytes.starts_with(mac)).map(HostId) else {
            let mut entry = Entry::new(from, None, sent, Verdict::Dropped);
            entry.rule = Some(self.no_host);
            state.left_out += u64::from(state.recording.push(entry, bytes).is_none());
            return;
        };
        let State { rules, recording, left_out, on_the_way, .. } = state;
        let packet = if rules.look_at_packets() { Packet::parse(bytes) } else { None };
        let passing =
            Passing { from, to: Some(to), sent, len: bytes.len(), packet: packet.as_ref() };
        let mut original = None;
        rules.judge(&passing, |outcome| {
            let verdict = match outcome.fate {
                Fate::Deliver { .. } => Verdict::OnTheWay,
                Fate::Drop => Verdict::Dropped,
            };
            let mut entry = Entry::new(from, Some(to), sent, verdict);
            entry.rule = outcome.rule;
            let place = match (outcome.is_copy, original) {
                (false, _) => recording.push(entry, bytes),
                (true, Some(original)) => recording.push_copy(entry, original),
                // Its packet was left out.
                (true, None) => None,
            };
            if !outcome.is_copy {
                original = place;
            }
            *left_out += u64::from(place.is_none());
            let Fate::Deliver { at, held } = outcome.fate else { return };
            *on_the_way += 1;
            let ticket = Ticket { to, place };
            if at <= now && held.is_none() && schedule.is_empty() {
                prompt.push(Prompt { ticket, frame: bytes });
            } else {
                schedule.push(at, held, (from, to), Delayed { ticket, frame: bytes.to_vec() });
            }
        });
    }

    /// Sends frames to their hosts, in their order, and records when.
    fn send_on(&self, prompt: &[Prompt<'_>]) -> Result<(), String> {
        for run in prompt.chunk_by(|one, next| one.ticket.to == next.ticket.to) {
            for batch in run.chunks(BATCH) {
                let to = batch[0].ticket.to;
                let mut frames: [&[u8]; BATCH] = [&[]; BATCH];
                for (frame, packet) in frames.iter_mut().zip(batch) {
                    *frame = packet.frame;
                }
                self.send(to, &frames[..batch.len()], |packet| batch[packet].ticket)?;
            }
        }
        Ok(())
    }

    fn send(
        &self,
        to: HostId,
        frames: &[&[u8]],
        ticket: impl Fn(usize) -> Ticket,
    ) -> Result<(), String> {
        // Taken before the send: a receiver may answer within it, and no answer comes before its question.
        let now = self.clock.now();
        let result = self.ports[to.0].sender.send(frames);
        let sent = result.as_ref().map_or_else(|(sent, _)| *sent, |()| frames.len());
        let mut state = self.shared.lock();
        state.on_the_way -= sent as u64;
        let mut at = now;
        for place in (0..sent).filter_map(|packet| ticket(packet).place) {
            state.recording.set_verdict(place, Verdict::Delivered(at));
            // Each went behind the one before it, a good deal more than a nanosecond later.
            at = at.after(Duration::from_nanos(1));
        }
        self.shared.tell(state);
        result.map_err(|(_, error)| format!("hand a packet to host {}: {error}", to.0 + 1))
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
        let sender = FrameSender::open(index).map_err(failed("open a packet socket"))?;
        link::bring_up(index).map_err(failed("bring up the wire's end of the veth"))?;
        Ok(Self { ring, sender })
    }
}
