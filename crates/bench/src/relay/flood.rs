//! How many messages a second reach the receivers, and what that costs.
//!
//! Receivers let the kernel throw away what has arrived (`MSG_TRUNC`, tcp(7)): the bytes have gone
//! through the whole of TCP and are counted, but are not copied once more. So the load generator takes
//! as little of the machine from the server as it can, the same for all. That the bytes are the right
//! ones is what [`verify`](crate::relay::verify) is for.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::process;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use crate::cpu::Meter;
use crate::relay::client::{Target, closed};
use crate::relay::crowd::{Crowd, Shape};
use crate::relay::pump::{Compose, Pump, Receive, block_of};
use crate::relay::speech::{Room, Speech};
use crate::session::Measured;

/// How long the messages flow before they count: buffers have found their sizes then.
const WARM_UP: Duration = Duration::from_millis(200);

/// How much a receiver takes at a time; none of it is ever touched.
const READ: usize = 4 * 1024 * 1024;

/// Measures the server `target`, which is the process `pid`: messages at receivers for each second.
pub fn run(target: Target, pid: u32, shape: Shape, time: Duration) -> io::Result<Measured> {
    let crowd = Crowd::gather(target, shape)?;
    let receivers = crowd.receivers.iter().map(|client| Counter::new(&client.stream)).collect();
    let block = Block::new(crowd.speech, &crowd.room, shape.payload);
    let senders = crowd.senders.iter().map(|client| &client.stream);
    let mut pump = Pump::new(crowd.speech, &crowd.room, shape, senders, receivers, block)?;
    let begin = Instant::now();
    while begin.elapsed() < WARM_UP {
        pump.turn(true)?;
    }
    let (server, load) = (Meter::start(pid)?, Meter::start(process::id())?);
    let (start, before) = (Instant::now(), pump.deliveries());
    while start.elapsed() < time {
        pump.turn(true)?;
    }
    let elapsed = start.elapsed();
    let delivered = pump.deliveries() - before;
    let (server, load) = (server.cores()?, load.cores()?);
    pump.drain()?;
    Ok(Measured {
        value: delivered as f64 / elapsed.as_secs_f64(),
        server_cores: Some(server),
        load_cores: Some(load),
    })
}

/// The same messages over and over, with new numbers where they have any.
struct Block {
    speech: Speech,
    message: BytesMut,
}

impl Block {
    fn new(speech: Speech, room: &Room, payload: usize) -> Self {
        let mut message = BytesMut::new();
        speech.say(room, 0, &vec![b'x'; payload], &mut message);
        Self { speech, message }
    }
}

impl Compose for Block {
    fn compose(&mut self, _: usize, first: u64, block: &mut BytesMut) {
        let length = self.message.len();
        if block.is_empty() {
            (0..block_of(length)).for_each(|_| block.extend_from_slice(&self.message));
        }
        self.speech.number(block, length, first);
    }
}

/// Counts bytes.
struct Counter<'a> {
    stream: &'a TcpStream,
    scratch: Vec<u8>,
}

impl<'a> Counter<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        // Zeroed memory of this size is not there before it is written, which it never is.
        Self { stream, scratch: vec![0; READ] }
    }
}

impl Receive for Counter<'_> {
    fn stream(&self) -> &TcpStream {
        self.stream
    }

    fn receive(&mut self) -> io::Result<u64> {
        match recv(self.stream.as_raw_fd(), &mut self.scratch, MsgFlags::MSG_TRUNC) {
            Ok(0) => Err(closed()),
            Ok(bytes) => Ok(bytes as u64),
            Err(Errno::EAGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
