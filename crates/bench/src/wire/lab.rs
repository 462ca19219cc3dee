//! One measurement, in a lab of its own.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use netlab::{Host, Lab, Level, Rule};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::Load;
use crate::figures::percentile;

const PORT: u16 = 7878;

/// The longest frame on a link of 1,500 bytes: with it segments are what a network carries.
const LONGEST: usize = 1514;

/// What one flow sends at most: a recording has room for all of its segments and acknowledgements.
const MOST_BYTES: usize = 768 * 1024 * 1024;

/// Datagrams under way at once. A socket's buffer holds 180 of them where nobody may raise `rmem_max`.
const WINDOW: u64 = 128;

const DATAGRAM: usize = 1400;

const DELAY: Duration = Duration::from_millis(10);

/// The pause between two datagrams that are delayed.
const PAUSE: Duration = Duration::from_millis(1);

/// After so long what has not arrived is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a measurement gives.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// In the unit of the work.
    pub value: f64,
    /// Figures that belong beside it.
    pub beside: Option<String>,
    /// Packets that were recorded.
    pub recorded: u64,
    /// Packets that the wire could not take in.
    pub missed: u64,
    /// Packets for which the recording had no room.
    pub left_out: u64,
    /// Datagrams that were sent and not received.
    pub lost: u64,
    /// Cores that the wire's thread kept busy.
    pub wire_cores: f64,
}

impl Seen {
    /// Whether everything that was sent was carried, recorded and received.
    pub fn is_complete(&self) -> bool {
        self.missed == 0 && self.left_out == 0 && self.lost == 0
    }
}

/// Enters namespaces and measures for about `time`. Must be called first thing in `main`.
pub fn measure_here(load: Load, time: Duration) -> Result<Seen, String> {
    let level = netlab::enter().map_err(|refusal| refusal.to_string())?;
    play(level, load, time).map_err(|error| error.to_string())
}

fn play(level: Level, load: Load, time: Duration) -> Result<Seen, Box<dyn std::error::Error>> {
    // Under load the wire has a core of its own. Where one packet is under way at a time everything may
    // run where the scheduler wants it, as in a demo.
    let apart = matches!(load, Load::Tcp | Load::Udp);
    let cores = cores()?;
    if apart && let [.., last] = cores[..] {
        pin(&[last])?;
    }
    let lab = Lab::new(level, &["a", "b"])?;
    if apart
        && let [first @ .., _] = &cores[..]
        && !first.is_empty()
    {
        for name in ["a", "b"] {
            let first = first.to_vec();
            lab.host(name).run(move || pin(&first))?;
        }
    }
    let (start, before) = (Instant::now(), wire_time()?);
    let mut seen = match load {
        Load::Tcp => tcp(&lab, time)?,
        Load::Udp => udp(&lab, time)?,
        Load::RoundTrip => round_trip(&lab, time)?,
        Load::Delay => delay(&lab, time)?,
    };
    seen.wire_cores =
        wire_time()?.saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64();
    let wire = lab.wire().expect("a lab in namespaces has a wire");
    wire.settle(PATIENCE);
    if let Some(failure) = wire.failure() {
        return Err(failure.into());
    }
    let records = wire.records();
    if let Some(longer) = records.iter().find(|record| record.len > LONGEST) {
        return Err(format!("a frame of {} bytes is no honest one", longer.len).into());
    }
    (seen.recorded, seen.missed) = (records.len() as u64, wire.missed());
    seen.left_out = wire.left_out();
    Ok(seen)
}

fn tcp(lab: &Lab, time: Duration) -> io::Result<Seen> {
    let (a, b) = (lab.host("a"), lab.host("b"));
    let address = SocketAddr::from((b.address(), PORT));
    let listener = b.run(move || TcpListener::bind(address))?;
    let receiver = in_host(b, move || {
        let (mut stream, _) = listener.accept()?;
        let (mut buffer, mut bytes, start) = (vec![0; 256 * 1024], 0_u64, Instant::now());
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(bytes as f64 * 8.0 / start.elapsed().as_secs_f64()),
                len => bytes += len as u64,
            }
        }
    });
    let sender = in_host(a, move || {
        let mut stream = TcpStream::connect(address)?;
        let (data, start) = (vec![7; 256 * 1024], Instant::now());
        let mut left = MOST_BYTES / data.len();
        while start.elapsed() < time && left > 0 {
            stream.write_all(&data)?;
            left -= 1;
        }
        Ok(())
    });
    join(sender)?;
    Ok(Seen { value: join(receiver)?, ..Seen::default() })
}

fn udp(lab: &Lab, time: Duration) -> io::Result<Seen> {
    let (a, b) = (lab.host("a"), lab.host("b"));
    let socket = receiver_in(b, SocketAddr::from((b.address(), PORT)))?;
    let address = socket.local_addr()?;
    let received = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&received);
    let receiver = in_host(b, move || {
        let mut buffer = [0; 2048];
        let start = Instant::now();
        let mut last = start;
        // An empty datagram is the end.
        while let Ok(1..) = socket.recv(&mut buffer) {
            count.fetch_add(1, Ordering::Release);
            last = Instant::now();
        }
        Ok(count.load(Ordering::Acquire) as f64 / last.duration_since(start).as_secs_f64())
    });
    let sender = in_host(a, move || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        let (data, start) = ([7; DATAGRAM], Instant::now());
        let mut sent = 0;
        let mut last_progress = (0, start);
        while start.elapsed() < time {
            let arrived = received.load(Ordering::Acquire);
            if sent - arrived < WINDOW {
                socket.send(&data)?;
                sent += 1;
                continue;
            }
            if arrived > last_progress.0 {
                last_progress = (arrived, Instant::now());
            } else if last_progress.1.elapsed() > PATIENCE {
                break;
            }
            thread::yield_now();
        }
        let end = Instant::now();
        while received.load(Ordering::Acquire) < sent && end.elapsed() < PATIENCE {
            thread::yield_now();
        }
        socket.send(&[])?;
        Ok(sent - received.load(Ordering::Acquire))
    });
    let lost = join(sender)?;
    Ok(Seen { value: join(receiver)?, lost, ..Seen::default() })
}

fn round_trip(lab: &Lab, time: Duration) -> io::Result<Seen> {
    let (a, b) = (lab.host("a"), lab.host("b"));
    let loopback = ping(a, a, SocketAddr::from(([127, 0, 0, 1], PORT)), time / 2)?;
    let wire = ping(a, b, SocketAddr::from((b.address(), PORT)), time / 2)?;
    let micros = |sorted: &[Duration], part| percentile(sorted, part).as_secs_f64() * 1e6;
    let beside = format!(
        "over the wire {:.0} µs (99 %: {:.0}), over loopback {:.0} µs (99 %: {:.0})",
        micros(&wire, 0.5),
        micros(&wire, 0.99),
        micros(&loopback, 0.5),
        micros(&loopback, 0.99)
    );
    let value = micros(&wire, 0.5) - micros(&loopback, 0.5);
    Ok(Seen { value, beside: Some(beside), ..Seen::default() })
}

/// The times of round trips between two hosts, sorted.
fn ping(from: &Host, to: &Host, address: SocketAddr, time: Duration) -> io::Result<Vec<Duration>> {
    let socket = receiver_in(to, address)?;
    let echo = in_host(to, move || {
        let mut buffer = [0; 64];
        // An empty datagram is the end.
        while let (len @ 1.., peer) = socket.recv_from(&mut buffer)? {
            socket.send_to(&buffer[..len], peer)?;
        }
        Ok(())
    });
    let asking = in_host(from, move || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let start = Instant::now();
        let mut times = Vec::new();
        while start.elapsed() < time {
            let asked = Instant::now();
            socket.send(b"x")?;
            socket.recv(&mut [0; 64])?;
            times.push(asked.elapsed());
        }
        socket.send(&[])?;
        times.sort();
        Ok(times)
    });
    let times = join(asking)?;
    join(echo)?;
    Ok(times)
}

fn delay(lab: &Lab, time: Duration) -> io::Result<Seen> {
    let (a, b) = (lab.host("a"), lab.host("b"));
    let wire = lab.wire().expect("a lab in namespaces has a wire");
    wire.add(Rule::delay("10 ms", DELAY));
    let socket = receiver_in(b, SocketAddr::from((b.address(), PORT)))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    let address = socket.local_addr()?;
    let receiver = in_host(b, move || stamps(&socket));
    let sender = in_host(a, move || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        let start = Instant::now();
        let mut sent = 0_u64;
        while start.elapsed() < time {
            socket.send(&sent.to_be_bytes())?;
            sent += 1;
            thread::sleep(PAUSE);
        }
        socket.send(&[])?;
        Ok(sent)
    });
    let sent = join(sender)?;
    let stamps = join(receiver)?;
    let mut errors: Vec<Duration> = wire
        .records()
        .iter()
        .filter_map(|record| {
            let number = u64::from_be_bytes(*record.frame.last_chunk()?);
            let (_, arrived) = stamps.iter().find(|(known, _)| *known == number)?;
            Some(arrived.abs_diff(lab.clock().to_wall(record.sent) + DELAY))
        })
        .collect();
    errors.sort();
    let micros = |part| percentile(&errors, part).as_secs_f64() * 1e6;
    let beside = format!(
        "half by less than {:.0} µs, 99.9 % by less than {:.0}, all by less than {:.0}",
        micros(0.5),
        micros(0.999),
        micros(1.0)
    );
    let lost = sent - errors.len() as u64;
    Ok(Seen { value: micros(0.99), beside: Some(beside), lost, ..Seen::default() })
}

/// The numbers that arrive, each with the time at which the kernel had it, until an empty datagram does.
fn stamps(socket: &UdpSocket) -> io::Result<Vec<(u64, Duration)>> {
    let mut stamps = Vec::new();
    loop {
        let mut buffer = [0; 64];
        let mut parts = [io::IoSliceMut::new(&mut buffer)];
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let fd = std::os::fd::AsRawFd::as_raw_fd(socket);
        let message = recvmsg::<()>(fd, &mut parts, Some(&mut control), MsgFlags::empty())?;
        let len = message.bytes;
        let stamp = message.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
            _ => None,
        });
        let Some(number) = buffer[..len].first_chunk() else { return Ok(stamps) };
        let stamp = stamp.ok_or_else(|| io::Error::other("a datagram has no time stamp"))?;
        stamps.push((u64::from_be_bytes(*number), stamp));
    }
}

/// A socket with the largest buffer that one may have.
fn receiver_in(host: &Host, address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = host.run(move || UdpSocket::bind(address))?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(8 * 1024 * 1024)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Runs a job in a host on a thread of its own.
fn in_host<T: Send + 'static>(
    host: &Host,
    job: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> JoinHandle<io::Result<T>> {
    host.run(move || thread::spawn(job))
}

fn join<T>(thread: JoinHandle<io::Result<T>>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("a host panicked"))?
}

fn cores() -> io::Result<Vec<usize>> {
    let all = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|core| all.is_set(*core).unwrap_or(false)).collect())
}

/// Keeps the calling thread, and those that it starts, to these cores.
fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// How long the wire's thread has run so far.
fn wire_time() -> io::Result<Duration> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim_end() == "wire" {
            // Nanoseconds on a core are the first number (Documentation/scheduler/sched-stats.rst).
            let text = fs::read_to_string(task.join("schedstat"))?;
            let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
            return Ok(Duration::from_nanos(nanos.unwrap_or_default()));
        }
    }
    Ok(Duration::ZERO)
}
