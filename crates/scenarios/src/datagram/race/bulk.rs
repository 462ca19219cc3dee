//! A lot of bytes, counted where they arrive.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netlab::{Lab, Verdict};

use crate::stage::{PORT, SOON, Trouble, UDP_PORT, until};

/// Bytes of a datagram.
pub(super) const DATAGRAM: usize = 1400;

/// What a datagram of these takes on the link: with the headers of UDP, IP and Ethernet.
const FRAME: usize = DATAGRAM + 8 + 20 + 14;

/// How long TCP may take at most: over a wire that a knob makes lose a third, it would take minutes.
const LONGEST: Duration = Duration::from_secs(8);

/// How often a receiver of datagrams looks whether more will come: nothing says that it was the last.
const LOOK: Duration = Duration::from_millis(20);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    /// From the first call until the last byte was read.
    pub(super) time: Duration,
    /// Bytes that were read.
    pub(super) bytes: usize,
    /// Datagrams that were sent; of TCP none is counted.
    pub(super) sent: usize,
    /// Datagrams that were read.
    pub(super) arrived: usize,
    dropped_by_link: usize,
    dropped_by_hosts: usize,
}

impl Bulk {
    /// Datagrams of which the wire or the kernel of a host says that it dropped them.
    pub(super) fn dropped(&self) -> usize {
        self.dropped_by_link + self.dropped_by_hosts
    }

    /// After how long so many bytes were there, if they were.
    pub(super) fn all_after(&self, bytes: usize) -> Option<Duration> {
        (self.bytes >= bytes).then_some(self.time)
    }

    /// Whether all arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.arrived == self.sent
    }

    pub(super) fn row(&self, link: &str, over: &str) -> Vec<String> {
        let lost = if self.sent == 0 {
            "0".to_owned()
        } else {
            format!("{} of {} datagrams", self.dropped(), self.sent)
        };
        let rate = self.bytes as f64 * 8.0 / self.time.as_secs_f64() / 1e6;
        vec![
            link.to_owned(),
            over.to_owned(),
            format!("{:.0} ms", self.time.as_secs_f64() * 1e3),
            format!("{} B", self.bytes),
            lost,
            format!("{rate:.1}"),
        ]
    }
}

pub(super) fn over_tcp(lab: &Lab, bytes: usize) -> Result<Bulk, Trouble> {
    let address = SocketAddr::new(lab.host("server").address().into(), PORT);
    let failed = || Trouble::io("carry bytes over TCP");
    let bind = move || -> io::Result<TcpListener> { TcpListener::bind(address) };
    let listener = lab.host("server").run(bind).map_err(failed())?;
    let reading = thread::spawn(move || -> io::Result<(usize, Instant)> {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(SOON))?;
        let (mut buffer, mut bytes, mut last) = (vec![0; 64 * 1024], 0, Instant::now());
        let deadline = last + LONGEST;
        while last < deadline {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => (bytes, last) = (bytes + len, Instant::now()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok((bytes, last))
    });
    let send = move || -> io::Result<Instant> {
        let start = Instant::now();
        let mut stream = TcpStream::connect_timeout(&address, SOON)?;
        stream.set_write_timeout(Some(SOON))?;
        // Where the reader has had enough, what it has read is counted all the same.
        let _ = stream.write_all(&vec![7; bytes]);
        Ok(start)
    };
    let start = lab.host("client").run(send).map_err(failed())?;
    let (bytes, last) = reading.join().expect("reading does not panic").map_err(failed())?;
    let time = last.duration_since(start);
    Ok(Bulk { time, bytes, sent: 0, arrived: 0, dropped_by_link: 0, dropped_by_hosts: 0 })
}

/// Sends datagrams, at most so many bits a second, or as fast as the kernel takes them.
pub(super) fn over_udp(lab: &Lab, bytes: usize, rate: Option<u64>) -> Result<Bulk, Trouble> {
    let address = SocketAddr::new(lab.host("server").address().into(), UDP_PORT);
    let failed = || Trouble::io("carry bytes over UDP");
    let wire = lab.wire().expect("the race is run on a wire");
    let dropped = || wire.records().iter().filter(|r| r.verdict == Verdict::Dropped).count();
    let of = |host: &str, counter: &str| -> Result<i64, Trouble> {
        let counters = lab.host(host).counters().map_err(failed())?;
        Ok(counters.get(counter).unwrap_or(0))
    };
    let by_hosts = || -> Result<i64, Trouble> {
        // The second where the sender's device has no room: the send succeeds all the same (udp_send_skb).
        Ok(of("server", "UdpRcvbufErrors")? + of("client", "UdpSndbufErrors")?)
    };
    let (dropped_before, by_hosts_before) = (dropped(), by_hosts()?);
    // Counted when they are read.
    let told = || Ok::<i64, Trouble>(of("server", "UdpInDatagrams")? + by_hosts()?);
    let told_before = told()?;
    let socket = lab.host("server").run(move || UdpSocket::bind(address)).map_err(failed())?;
    socket.set_read_timeout(Some(LOOK)).map_err(failed())?;
    let all_delivered = Arc::new(AtomicBool::new(false));
    let no_more = Arc::clone(&all_delivered);
    let reading = thread::spawn(move || receive_all(&socket, &no_more));
    let send = move || send_all(address, bytes.div_ceil(DATAGRAM), rate);
    let (start, sent) = lab.host("client").run(send).map_err(failed())?;
    wire.settle(SOON);
    // On a busy machine some wait for the wire yet, or in a host's kernel behind it. Some that never come are for
    // the check to find.
    let all_told = || {
        let by_link = dropped() - dropped_before;
        let told = usize::try_from(told()? - told_before).unwrap_or(0);
        Ok((told + by_link >= sent).then_some(()))
    };
    let _ = until("the last datagram", all_told);
    all_delivered.store(true, Ordering::Release);
    let (arrived, last) = reading.join().expect("reading does not panic").map_err(failed())?;
    let by_hosts = usize::try_from(by_hosts()? - by_hosts_before).unwrap_or(0);
    Ok(Bulk {
        time: last.duration_since(start),
        bytes: arrived * DATAGRAM,
        sent,
        arrived,
        dropped_by_link: dropped() - dropped_before,
        dropped_by_hosts: by_hosts,
    })
}

fn send_all(to: SocketAddr, count: usize, rate: Option<u64>) -> io::Result<(Instant, usize)> {
    let start = Instant::now();
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(to)?;
    let datagram = [7; DATAGRAM];
    for number in 0..count {
        if let Some(rate) = rate {
            // When the link has carried those before: who wakes up late catches up.
            let due = Duration::from_secs_f64((number * FRAME * 8) as f64 / rate as f64);
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        socket.send(&datagram)?;
    }
    Ok((start, count))
}

/// Counts datagrams until all are delivered and none is left.
fn receive_all(socket: &UdpSocket, all_delivered: &AtomicBool) -> io::Result<(usize, Instant)> {
    let (mut arrived, mut last) = (0, Instant::now());
    loop {
        // Looked at first: what was delivered before is there to be read.
        let is_over = all_delivered.load(Ordering::Acquire);
        match socket.recv(&mut [0; DATAGRAM]) {
            Ok(_) => (arrived, last) = (arrived + 1, Instant::now()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if is_over {
                    return Ok((arrived, last));
                }
            }
            Err(error) => return Err(error),
        }
    }
}
