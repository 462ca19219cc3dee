//! Messages into a server and out of it: one thread, no waiting socket, and a window.
//!
//! A sender pauses while more bytes of what it sent have not arrived at the slowest receiver than the
//! window allows. Without one, NATS and Redis would take what they are sent as fast as it comes, and
//! close the connections of receivers that are behind; ours would stop to read. The window is the same
//! for all, and counts bytes as they arrive.

use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;

use bytes::BytesMut;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::relay::client::STUCK;
use crate::relay::crowd::{Shape, Writes};
use crate::relay::speech::{Room, Speech};

/// How many bytes may be on the way to the slowest receiver; 512 KiB.
///
/// Eight writes of a sender that batches, so a server always has more to do, and far below what any of
/// them lets a receiver be behind. It is where the peers deliver most: NATS takes the same time for a
/// message at any window from 256 KiB to 4 MiB, Redis a little less at the smaller ones. Ours takes much
/// less at the smaller ones, since it hardly does more than move bytes, and those are then still in the
/// processor's caches. So there is [`DEEP`] too.
pub const WINDOW: u64 = 512 * 1024;

/// A window in which so much is on the way that no cache holds it; 4 MiB.
///
/// With ten receivers it is 40 MiB in the buffers of sockets, as if nobody held the sender back: half of
/// what ours lets a receiver be behind by default, and far less than NATS (64 MiB).
pub const DEEP: u64 = 4 * 1024 * 1024;

/// How many bytes of messages a sender that batches writes at a time.
const BLOCK: usize = 64 * 1024;

/// How many writes a sender does before the receivers have their turn.
const BURST: usize = 32;

/// Takes what has arrived at a receiver.
pub trait Receive {
    /// The connection.
    fn stream(&self) -> &TcpStream;

    /// Takes what is there and gives how many bytes of messages that was; 0 where nothing was there.
    fn receive(&mut self) -> io::Result<u64>;
}

/// Makes the messages of a sender.
pub trait Compose {
    /// Puts as many messages into `block` as are written at a time (see [`block_of`]), instead of those
    /// that are there; `first` is the number of the first one.
    fn compose(&mut self, sender: usize, first: u64, block: &mut BytesMut);
}

/// Senders and receivers at work.
#[derive(Debug)]
pub struct Pump<'a, R, C> {
    epoll: Epoll,
    lanes: Vec<Lane<'a>>,
    receivers: Vec<R>,
    received: Vec<u64>,
    compose: C,
    writes: Writes,
    window: u64,
    /// The length of a message as it arrives.
    delivered: u64,
}

/// One sender.
#[derive(Debug)]
struct Lane<'a> {
    stream: &'a TcpStream,
    block: BytesMut,
    /// How long a message is as it is sent.
    message: usize,
    /// How much of the block has been sent.
    at: usize,
    /// How many messages of the blocks before.
    before: u64,
    is_blocked: bool,
}

impl<'a, R: Receive, C: Compose> Pump<'a, R, C> {
    /// A pump that has not begun.
    pub fn new(
        speech: Speech,
        room: &Room,
        shape: Shape,
        senders: impl Iterator<Item = &'a TcpStream>,
        receivers: Vec<R>,
        compose: C,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (at, receiver) in receivers.iter().enumerate() {
            receiver.stream().set_nonblocking(true)?;
            epoll
                .add(receiver.stream().as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, at as u64))?;
        }
        let mut message = BytesMut::new();
        speech.say(room, 0, &vec![0; shape.payload], &mut message);
        let mut lanes = Vec::new();
        for stream in senders {
            stream.set_nonblocking(true)?;
            let data = (receivers.len() + lanes.len()) as u64;
            // Edge-triggered: one event when it can be written again after it could not.
            let flags = EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            epoll.add(stream.as_fd(), EpollEvent::new(flags, data))?;
            lanes.push(Lane {
                stream,
                block: BytesMut::new(),
                message: message.len(),
                at: 0,
                before: 0,
                is_blocked: false,
            });
        }
        let received = vec![0; receivers.len()];
        let delivered = speech.delivered(room, shape.payload) as u64;
        let Shape { writes, window, .. } = shape;
        Ok(Self { epoll, lanes, receivers, received, compose, writes, window, delivered })
    }

    /// How many messages all receivers have got.
    pub fn deliveries(&self) -> u64 {
        self.received.iter().map(|bytes| bytes / self.delivered).sum()
    }

    /// How many messages have been sent.
    pub fn sent(&self) -> u64 {
        self.lanes.iter().map(Lane::sent).sum()
    }

    /// Lets the senders write as much as the window allows, if they may, and the receivers take what is
    /// there. Waits where neither is possible.
    pub fn turn(&mut self, may_begin: bool) -> io::Result<()> {
        let mut can_go_on = false;
        for sender in 0..self.lanes.len() {
            for _ in 0..BURST {
                if !self.write(sender, may_begin)? {
                    break;
                }
            }
            let is_open = may_begin && self.outstanding() < self.window;
            can_go_on |= is_open && !self.lanes[sender].is_blocked;
        }
        let mut events = [EpollEvent::empty(); 128];
        let timeout = if can_go_on { EpollTimeout::ZERO } else { patience() };
        let count = self.epoll.wait(&mut events, timeout)?;
        if count == 0 && !can_go_on {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "nothing arrives any more"));
        }
        for event in &events[..count] {
            let at = usize::try_from(event.data()).expect("it was an index");
            match self.receivers.get_mut(at) {
                Some(receiver) => self.received[at] += receiver.receive()?,
                None => self.lanes[at - self.receivers.len()].is_blocked = false,
            }
        }
        Ok(())
    }

    /// Sends no more, and takes everything that was sent. Fails where a receiver gets less or more.
    pub fn drain(&mut self) -> io::Result<()> {
        while self.lanes.iter().any(Lane::is_within) || self.outstanding() > 0 {
            self.turn(false)?;
        }
        let expected = self.sent() * self.delivered;
        for (at, &received) in self.received.iter().enumerate() {
            // A `PING` of a server may be among them, but never a message.
            if received - expected >= self.delivered.min(MAX_STRAY) {
                let message =
                    format!("receiver {at} got {received} bytes where {expected} were sent to it");
                return Err(io::Error::other(message));
            }
        }
        Ok(())
    }

    /// How many bytes have been sent that have not arrived at the slowest receiver.
    fn outstanding(&self) -> u64 {
        let slowest = self.received.iter().min().copied().unwrap_or_default();
        (self.sent() * self.delivered).saturating_sub(slowest)
    }

    /// Writes once. `false` where nothing more can be or is to be written.
    fn write(&mut self, sender: usize, may_begin: bool) -> io::Result<bool> {
        let is_open = may_begin && self.outstanding() < self.window;
        let lane = &mut self.lanes[sender];
        if lane.is_blocked || !(is_open || lane.is_within()) {
            return Ok(false);
        }
        if lane.at == lane.block.len() {
            lane.before = lane.sent();
            lane.at = 0;
            self.compose.compose(sender, lane.before + 1, &mut lane.block);
        }
        let end = match self.writes {
            Writes::Batched if is_open => lane.block.len(),
            _ => (lane.at / lane.message + 1) * lane.message,
        };
        match lane.stream.write(&lane.block[lane.at..end]) {
            Ok(written) => lane.at += written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => lane.is_blocked = true,
            Err(error) => return Err(error),
        }
        Ok(!lane.is_blocked)
    }
}

impl Lane<'_> {
    fn sent(&self) -> u64 {
        self.before + (self.at / self.message) as u64
    }

    /// Whether a part of a message has been sent.
    fn is_within(&self) -> bool {
        !self.at.is_multiple_of(self.message)
    }
}

/// More than any line with which a server asks whether a client is still there.
const MAX_STRAY: u64 = 32;

/// How many messages of `message` bytes a block has.
pub fn block_of(message: usize) -> usize {
    (BLOCK / message).max(1)
}

fn patience() -> EpollTimeout {
    EpollTimeout::try_from(STUCK).expect("ten seconds")
}
