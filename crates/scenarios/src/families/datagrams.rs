//! A datagram that finds the receive buffer full: thrown away, or waited with?

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use netlab::{Lab, LabOptions};
use nix::errno::Errno;
use socket2::SockRef;

use crate::findings::{Check, Story, Table};
use crate::observe::knobs;
use crate::scratch::Scratch;
use crate::stage::{SOON, Stage, Trouble};

const HOST: &str = "host";

/// More than any of the receivers has room for.
const SENT: usize = 64;

/// Bytes of each.
const LEN: usize = 100;

/// The least receive buffer that UDP lets one have comes of asking for this.
const SMALL: usize = 1024;

/// How many Unix datagrams may wait at a receiver, unless it is turned: its default.
const QUEUE: (&str, &str) = ("net.unix.max_dgram_qlen", "10");

/// How long a sender waits for room in vain.
const PATIENCE: Duration = Duration::from_millis(200);

const LOST4: (&str, &str) = ("datagrams-udp4-lost", "over IPv4, of 64: those that do not arrive");
const UDP4: (&str, &str) =
    ("datagrams-udp4", "of them, thrown away for want of room, as the kernel counts");
const LOST6: (&str, &str) = ("datagrams-udp6-lost", "over IPv6, of 64: those that do not arrive");
const UDP6: (&str, &str) = ("datagrams-udp6", "of them, as the kernel counts");
const UNIX: (&str, &str) =
    ("datagrams-unix-full", "over Unix: sent until there is no room, and the error");
const WAITS: (&str, &str) = (
    "datagrams-unix-waits",
    "how long a blocking sender waits where nobody reads (SO_SNDTIMEO 200 ms)",
);
const ALL: (&str, &str) =
    ("datagrams-unix-all", "of 64 by a blocking sender, those that arrive in order");
const NAME: (&str, &str) =
    ("datagrams-unix-name", "what a receiver can answer to, of a sender without a name");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "datagrams".into(),
        says: "64 datagrams to a receiver that does not read yet".into(),
        belief: "datagrams are unreliable, whatever carries them".into(),
        explanation: vec![
            "UDP has no way back: when the receive buffer is full, the kernel throws the datagram away and \
             counts it (UdpRcvbufErrors), while every send has succeeded. Between two Unix sockets the sender's \
             kernel is the receiver's, and sees that there is no room: a blocking sender sleeps until there is, \
             a non-blocking one gets EAGAIN (unix_dgram_sendmsg). Nothing is lost and nothing is reordered \
             (unix(7))."
                .into(),
            "The room is counted in datagrams: net.unix.max_dgram_qlen, and one more, as with listen(2). A \
             sender that has bound no name cannot be answered; over UDP the kernel gives it a port with the \
             first send, so that it always can."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab_with(&[HOST], LabOptions { ipv6: true, ..LabOptions::default() })?;
    let own = lab.level().has_namespaces();
    if own {
        stage.turn(&lab, HOST, QUEUE.0, QUEUE.1)?;
    }
    story.set_up = vec![
        "bare sockets: udp-peer speaks UDP only. Over UDP SO_RCVBUF is the least that there is"
            .into(),
        knobs(&lab, HOST, &[QUEUE.0]),
    ];
    let v4 = over_udp(&lab, Ipv4Addr::LOCALHOST.into(), "UdpRcvbufErrors")?;
    let v6 = match lab.host(HOST).address_v6() {
        Some(_) => Some(over_udp(&lab, Ipv6Addr::LOCALHOST.into(), "Udp6RcvbufErrors")?),
        None => None,
    };
    let unix = over_unix(&lab)?;

    let row = |over: &str, sends: String, arrived: usize, lost: usize| {
        vec![over.to_owned(), sends, arrived.to_string(), lost.to_string()]
    };
    let all_succeed = format!("{SENT} of {SENT} succeed");
    let mut rows = vec![row("UDP, IPv4", all_succeed.clone(), v4.arrived, SENT - v4.arrived)];
    if let Some(v6) = &v6 {
        rows.push(row("UDP, IPv6", all_succeed, v6.arrived, SENT - v6.arrived));
    }
    rows.push(row(
        "Unix, non-blocking",
        format!("{} succeed, then {}", unix.took, unix.error),
        unix.arrived,
        unix.took - unix.arrived,
    ));
    rows.push(row(
        "Unix, blocking",
        format!("{SENT} of {SENT} succeed, when somebody reads"),
        unix.in_order,
        SENT - unix.in_order,
    ));
    story.tables = vec![Table {
        says: "what becomes of them".into(),
        columns: ["over", "sends", "arrive", "lost"].map(str::to_owned).to_vec(),
        rows,
    }];
    let udp = |lost: (&str, &str), counted: (&str, &str), udp: &Udp| {
        let missing = SENT - udp.arrived;
        let why = "needs counters of its own: level L0 or L1";
        [
            Check::within(lost.0, lost.1, 1..=SENT - 1, missing),
            udp.counted.map_or_else(
                || Check::skipped(counted.0, counted.1, why),
                |number| Check::equal(counted.0, counted.1, missing, number),
            ),
        ]
    };
    let room = match lab.host(HOST).sysctl(QUEUE.0).map(|value| value.parse::<usize>()) {
        // At a level at which nothing is turned, what this machine has.
        Ok(Ok(length)) if !own => length + 1,
        _ => 11,
    };
    story.checks = udp(LOST4, UDP4, &v4).into();
    let no_v6 = "this kernel has no IPv6, or this machine has turned it off";
    story.checks.extend(match &v6 {
        Some(v6) => udp(LOST6, UDP6, v6),
        None => [LOST6, UDP6].map(|(id, says)| Check::skipped(id, says, no_v6)),
    });
    story.checks.extend([
        Check::equal(
            UNIX.0,
            UNIX.1,
            format!("{room}, EAGAIN"),
            format!("{}, {}", unix.took, unix.error),
        ),
        Check::seconds(WAITS.0, WAITS.1, 0.19..=5.0, unix.waited.as_secs_f64()),
        Check::equal(ALL.0, ALL.1, SENT, unix.in_order),
        Check::equal(
            NAME.0,
            NAME.1,
            "nothing",
            if unix.sender_unnamed { "nothing" } else { "a name" },
        ),
    ]);
    Ok(story)
}

/// What became of datagrams over UDP.
struct Udp {
    arrived: usize,
    /// How many the kernel says that it has thrown away; unknown where it counts for others too.
    counted: Option<usize>,
}

fn over_udp(lab: &Lab, ip: IpAddr, counter: &str) -> Result<Udp, Trouble> {
    let failed = || Trouble::io("send datagrams on loopback");
    let host = lab.host(HOST);
    let count = || host.counters().map_err(Trouble::io("read the counters"));
    let before = count()?;
    let arrived = host.run(move || -> io::Result<usize> {
        let any = SocketAddr::new(ip, 0);
        let receiver = UdpSocket::bind(any)?;
        SockRef::from(&receiver).set_recv_buffer_size(SMALL)?;
        receiver.set_nonblocking(true)?;
        let sender = UdpSocket::bind(any)?;
        sender.connect(receiver.local_addr()?)?;
        for _ in 0..SENT {
            sender.send(&[0; LEN])?;
        }
        Ok(drain(|buffer| receiver.recv(buffer)))
    });
    let arrived = arrived.map_err(failed())?;
    let counted = if lab.level().has_namespaces() {
        let moved = count()?.get(counter).unwrap_or(0) - before.get(counter).unwrap_or(0);
        usize::try_from(moved).ok()
    } else {
        None
    };
    Ok(Udp { arrived, counted })
}

/// Takes what waits, and says how much it was.
fn drain(mut receive: impl FnMut(&mut [u8]) -> io::Result<usize>) -> usize {
    let mut taken = 0;
    while receive(&mut [0; LEN]).is_ok() {
        taken += 1;
    }
    taken
}

/// What became of datagrams between Unix sockets.
struct Unix {
    /// How many a non-blocking sender could send.
    took: usize,
    /// The error of the next one.
    error: String,
    /// How many of them arrived.
    arrived: usize,
    /// How long a blocking sender waited for room in vain.
    waited: Duration,
    /// How many of a blocking sender's arrived, each in its place.
    in_order: usize,
    sender_unnamed: bool,
}

fn over_unix(lab: &Lab) -> Result<Unix, Trouble> {
    let scratch = Scratch::new()?;
    let path = scratch.path("receiver");
    lab.host(HOST)
        .run(move || between(&path))
        .map_err(Trouble::io("send datagrams to a Unix socket"))
}

fn between(path: &Path) -> io::Result<Unix> {
    let receiver = UnixDatagram::bind(path)?;
    receiver.set_nonblocking(true)?;
    let sender = UnixDatagram::unbound()?;
    sender.connect(path)?;

    sender.set_nonblocking(true)?;
    let (mut took, mut error) = (0, "no error".to_owned());
    while took < SENT {
        match sender.send(&[0; LEN]) {
            Ok(_) => took += 1,
            Err(refused) => {
                error =
                    format!("{:?}", Errno::from_raw(refused.raw_os_error().unwrap_or_default()));
                break;
            }
        }
    }
    // It is full now, unless it never is.
    sender.set_nonblocking(false)?;
    sender.set_write_timeout(Some(PATIENCE))?;
    let start = Instant::now();
    let in_vain = sender.send(&[0; LEN]).is_err();
    let waited = if in_vain { start.elapsed() } else { Duration::ZERO };
    let arrived = drain(|buffer| receiver.recv(buffer)) - usize::from(!in_vain);

    sender.set_write_timeout(None)?;
    receiver.set_nonblocking(false)?;
    receiver.set_read_timeout(Some(SOON))?;
    let (in_order, sender_unnamed) = thread::scope(|scope| {
        let sending = scope.spawn(|| -> io::Result<()> {
            for number in 0..SENT {
                sender.send(&number.to_be_bytes())?;
            }
            Ok(())
        });
        let (mut in_order, mut unnamed) = (0, true);
        for number in 0..SENT {
            let mut buffer = [0; size_of::<usize>()];
            let (len, from) = receiver.recv_from(&mut buffer)?;
            unnamed &= from.is_unnamed();
            in_order += usize::from(len == buffer.len() && buffer == number.to_be_bytes());
        }
        sending.join().expect("sending does not panic")?;
        io::Result::Ok((in_order, unnamed))
    })?;
    Ok(Unix { took, error, arrived, waited, in_order, sender_unnamed })
}
