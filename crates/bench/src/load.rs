//! Load on a server that sends back the frames that it gets.
//!
//! Plain blocking sockets: one system call to send, one to receive, and no event loop, so that what is
//! measured is the server. What counts is what came back: every reply is compared, and of bulk one block
//! in eight.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use nix::sys::socket::{MsgFlags, recv};
use proto::frame::HEADER_LEN;
use proto::limits::MAX_FRAME_LENGTH;
use proto::{Header, Kind};
use socket2::SockRef;

use crate::memory;

/// How long one read or write may take before the server counts as stuck.
const STUCK: Duration = Duration::from_secs(10);

/// How many bytes a sender of bulk writes at a time, and a receiver reads.
const BLOCK: usize = 1024 * 1024;

/// Of so many blocks of bulk one is compared. The others are thrown away by the kernel when they have
/// arrived (`MSG_TRUNC`, tcp(7)): a receiver that copied and compared all of them cost more than the
/// server, and so was what was measured.
const SAMPLE: u64 = 8;

/// What came back, and how long that took.
#[derive(Clone, Copy, Debug)]
pub struct Echoed {
    /// Whole frames.
    pub frames: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
    /// From the first one that counts to the last.
    pub elapsed: Duration,
}

/// Sends frames with a payload of `payload` bytes over `connections` connections, each time when the
/// one before has come back on that connection, for `time`.
///
/// One thread serves the connections in a fixed order, so there is always a request under way on all of
/// them but one, and a reply is mostly there when its turn comes.
pub fn request_reply(
    address: SocketAddr,
    connections: usize,
    payload: usize,
    time: Duration,
) -> io::Result<Echoed> {
    let mut frames = 0;
    let count = |lane: &mut Lane| {
        frames += 1;
        lane.exchange()
    };
    let elapsed = in_turn(address, connections, payload, time, count)?;
    Ok(Echoed { frames, bytes: frames * frame_len(payload), elapsed })
}

/// How long each frame of the same load takes there and back, the shortest first.
pub fn reply_times(
    address: SocketAddr,
    connections: usize,
    payload: usize,
    time: Duration,
) -> io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    in_turn(address, connections, payload, time, |lane| {
        lane.receive()?;
        let now = Instant::now();
        times.push(now - lane.sent);
        lane.send()?;
        lane.sent = now;
        Ok(())
    })?;
    times.sort_unstable();
    Ok(times)
}

/// Has every connection `exchange` a reply for a new request, again and again for `time`. Gives how long
/// that took.
fn in_turn(
    address: SocketAddr,
    connections: usize,
    payload: usize,
    time: Duration,
    mut exchange: impl FnMut(&mut Lane) -> io::Result<()>,
) -> io::Result<Duration> {
    let lane = |_| Lane::connect(address, payload);
    let mut lanes: Vec<Lane> = (0..connections).map(lane).collect::<io::Result<_>>()?;
    lanes.iter_mut().try_for_each(Lane::send)?;
    // The connections have been accepted and have a task each when their first reply is there.
    lanes.iter_mut().try_for_each(Lane::exchange)?;
    let start = Instant::now();
    for lane in &mut lanes {
        lane.sent = start;
    }
    while start.elapsed() < time {
        lanes.iter_mut().try_for_each(&mut exchange)?;
    }
    let elapsed = start.elapsed();
    lanes.iter_mut().try_for_each(Lane::receive)?;
    Ok(elapsed)
}

/// How many connections [`connect_each`] has open at the same time.
const OPEN: usize = 16;

/// Connects, sends a frame with a payload of `payload` bytes, waits for its reply and the end of the
/// connection, and does so again, for `time`. The frames are those that came back.
///
/// Half of the connection is closed by the client first, as by most clients. It has one address of many
/// each time, as the ports of one that wait in TIME_WAIT would soon be all that it has.
pub fn connect_each(address: SocketAddr, payload: usize, time: Duration) -> io::Result<Echoed> {
    let mut hosts = (1..=u8::MAX).cycle();
    let mut begin = || {
        let host = hosts.next().expect("it goes round");
        let mut lane = Lane::over(memory::connect(host, address)?, payload)?;
        lane.send()?;
        Ok::<_, io::Error>(lane)
    };
    let mut lanes: Vec<Lane> = (0..OPEN).map(|_| begin()).collect::<io::Result<_>>()?;
    let start = Instant::now();
    let mut frames = 0;
    while start.elapsed() < time {
        for lane in &mut lanes {
            lane.receive()?;
            lane.end()?;
            *lane = begin()?;
            frames += 1;
        }
    }
    let elapsed = start.elapsed();
    for lane in &mut lanes {
        lane.receive()?;
        lane.end()?;
    }
    Ok(Echoed { frames, bytes: frames * frame_len(payload), elapsed })
}

/// Sends frames with a payload of `payload` bytes for `time` to a server that answers nothing, a frame
/// with each write, and waits until it has taken them all and closes. `congestion` is the name of a congestion
/// control of the kernel (tcp(7), `TCP_CONGESTION`).
pub fn one_way(
    address: SocketAddr,
    payload: usize,
    time: Duration,
    congestion: &str,
) -> io::Result<Echoed> {
    let mut lane = Lane::connect(address, payload)?;
    SockRef::from(&lane.stream).set_tcp_congestion(congestion.as_bytes())?;
    let start = Instant::now();
    let mut frames = 0;
    while start.elapsed() < time {
        lane.send()?;
        frames += 1;
    }
    lane.end()?;
    Ok(Echoed { frames, bytes: frames * frame_len(payload), elapsed: start.elapsed() })
}

fn frame_len(payload: usize) -> u64 {
    (HEADER_LEN + payload) as u64
}

/// One connection with at most one request under way.
#[derive(Debug)]
pub struct Lane {
    stream: TcpStream,
    frame: BytesMut,
    reply: Vec<u8>,
    id: u64,
    /// When the frame under way was sent, where somebody wants to know.
    sent: Instant,
}

impl Lane {
    /// Connects to the server at `address`, for frames with a payload of `payload` bytes.
    pub fn connect(address: SocketAddr, payload: usize) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?, payload)
    }

    /// The same over a connection that is there already.
    fn over(stream: TcpStream, payload: usize) -> io::Result<Self> {
        prepare(&stream)?;
        let mut frame = BytesMut::new();
        append_frame(&mut frame, payload, 0);
        let reply = vec![0; frame.len()];
        Ok(Self { stream, frame, reply, id: 0, sent: Instant::now() })
    }

    /// Says that nothing more comes, and waits until the server closes.
    fn end(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        if self.stream.read(&mut [0])? == 0 {
            return Ok(());
        }
        Err(io::Error::other("the server sent more than it got"))
    }

    fn exchange(&mut self) -> io::Result<()> {
        self.receive()?;
        self.send()
    }

    /// Sends the frame with a number of its own in the field `id`, so that no reply passes for another.
    pub fn send(&mut self) -> io::Result<()> {
        self.id += 1;
        self.frame[32..40].copy_from_slice(&self.id.to_be_bytes());
        self.stream.write_all(&self.frame)
    }

    /// Waits for the reply, and compares it.
    pub fn receive(&mut self) -> io::Result<()> {
        self.stream.read_exact(&mut self.reply)?;
        same(&self.reply, &self.frame)
    }
}

/// How much bulk is sent.
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    /// As much as comes back in this time. The first block fills the buffers on the way and does not
    /// count.
    For(Duration),
    /// So many frames, all of which count.
    Frames(u64),
}

/// Sends frames with a payload of `payload` bytes over one connection as fast as it takes them, while
/// another thread receives what comes back.
pub fn bulk(address: SocketAddr, payload: usize, amount: Amount) -> io::Result<Echoed> {
    let stream = TcpStream::connect(address)?;
    prepare(&stream)?;
    let mut block = BytesMut::new();
    for id in 0.. {
        append_frame(&mut block, payload, id);
        if block.len() >= BLOCK {
            break;
        }
    }
    let frame = frame_len(payload);
    let stop = AtomicBool::new(false);
    let limit = match amount {
        Amount::For(_) => u64::MAX,
        Amount::Frames(frames) => frames * frame,
    };
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(&stream, &block, limit, &stop));
        let received = Receiver::new(&stream, &block, amount, limit).run(&stop);
        // The sender ends with its next write, also where the receiver failed.
        stop.store(true, Ordering::Relaxed);
        if received.is_err() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let sent = sender.join().expect("the sender does not panic");
        let Received { counted, elapsed, total } = received?;
        if sent? != total {
            return Err(io::Error::other("the server closed before it sent everything back"));
        }
        Ok(Echoed { frames: counted / frame, bytes: counted, elapsed })
    })
}

/// Sends `block` over and over, until `limit` bytes or `stop`. Gives how many bytes it sent.
fn send(mut stream: &TcpStream, block: &[u8], limit: u64, stop: &AtomicBool) -> io::Result<u64> {
    let mut sent = 0;
    while sent < limit && !stop.load(Ordering::Relaxed) {
        let len = usize::try_from(limit - sent).unwrap_or(usize::MAX).min(block.len());
        stream.write_all(&block[..len])?;
        sent += len as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(sent)
}

/// Receives the same block over and over, and compares it.
struct Receiver<'a> {
    stream: &'a TcpStream,
    expected: &'a [u8],
    block: u64,
    total: u64,
    /// Where counting begins, and after how many bytes or how long it ends.
    from: u64,
    until: (u64, Duration),
}

/// What a receiver has got.
struct Received {
    /// The bytes that count.
    counted: u64,
    /// The time in which they came.
    elapsed: Duration,
    /// All bytes.
    total: u64,
}

impl<'a> Receiver<'a> {
    fn new(stream: &'a TcpStream, block: &'a [u8], amount: Amount, limit: u64) -> Self {
        let length = block.len() as u64;
        let (from, until) = match amount {
            Amount::For(time) => (length, (u64::MAX, time)),
            Amount::Frames(_) => (0, (limit, Duration::MAX)),
        };
        Self { stream, expected: block, block: length, total: 0, from, until }
    }

    /// Receives to the end of the stream, and asks for that as soon as nothing more counts.
    fn run(mut self, stop: &AtomicBool) -> io::Result<Received> {
        let mut buffer = vec![0; self.expected.len()];
        let mut start = (self.from == 0).then(|| (Instant::now(), 0));
        let mut counted = None;
        loop {
            let read = self.receive(&mut buffer)?;
            if read == 0 {
                let (counted, elapsed) = counted.ok_or(io::ErrorKind::UnexpectedEof)?;
                return Ok(Received { counted, elapsed, total: self.total });
            }
            self.total += read as u64;
            if start.is_none() && self.total >= self.from {
                start = Some((Instant::now(), self.total));
            }
            if let (Some((since, before)), None) = (start, counted) {
                let elapsed = since.elapsed();
                let (bytes, time) = self.until;
                if self.total >= bytes || elapsed >= time {
                    counted = Some((self.total - before, elapsed));
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// Receives up to the end of the block at most, and compares that if it is the block's turn. Gives
    /// how many bytes came.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.total % self.block).expect("less than a block");
        let rest = &mut buffer[at..];
        if !(self.total / self.block).is_multiple_of(SAMPLE) {
            return Ok(recv(self.stream.as_raw_fd(), rest, MsgFlags::MSG_TRUNC)?);
        }
        let read = self.stream.read(rest)?;
        same(&rest[..read], &self.expected[at..at + read])?;
        Ok(read)
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STUCK))?;
    stream.set_write_timeout(Some(STUCK))
}

/// Appends a frame with a payload of `payload` bytes.
pub fn append_frame(out: &mut BytesMut, payload: usize, id: u64) {
    // No byte value stands out, and no two frames of a block are alike.
    let payload: Vec<u8> = (0..payload as u64)
        .map(|at| (at.wrapping_add(id).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    Header::new(Kind::Data, 1, id)
        .encode(&payload, MAX_FRAME_LENGTH, out)
        .expect("the payload is below the limit");
}

fn same(reply: &[u8], sent: &[u8]) -> io::Result<()> {
    if reply == sent {
        return Ok(());
    }
    Err(io::Error::other("the server sent back something else than it got"))
}
