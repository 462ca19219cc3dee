//! How fast is each of them within one machine?

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use netlab::LabOptions;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::findings::{Check, Story, Table};
use crate::stage::{SOON, Stage, Trouble};

const HOST: &str = "host";

/// Rounds, each of which has all of them in turn, so that a machine that is busy for a while is as busy
/// for each.
const ROUNDS: usize = 9;

/// Questions and answers of one byte in a round.
const TRIPS: usize = 1000;

/// Bytes of the bulk in a round.
const BULK: usize = 16 << 20;

/// What is written and read at once.
const CHUNK: usize = 64 << 10;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stream(Family),
    Datagram(Family),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Unix,
    V4,
    V6,
}

const KINDS: [Kind; 6] = [
    Kind::Stream(Family::Unix),
    Kind::Stream(Family::V4),
    Kind::Stream(Family::V6),
    Kind::Datagram(Family::Unix),
    Kind::Datagram(Family::V4),
    Kind::Datagram(Family::V6),
];

/// What was measured of one kind in one round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    trips: f64,
    /// MiB a second; streams only, for a bulk over UDP would lose what finds no room.
    bulk: Option<f64>,
    arrived: usize,
}

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "speed".into(),
        says: "round trips of one byte, and a bulk of 16 MiB, within one host".into(),
        belief: "over loopback they are all the same".into(),
        ..Story::default()
    };
    let lab = stage.lab_with(&[HOST], LabOptions { ipv6: true, ..LabOptions::default() })?;
    let has_v6 = lab.host(HOST).address_v6().is_some();
    let kinds: Vec<Kind> =
        KINDS.into_iter().filter(|kind| has_v6 || kind.family() != Family::V6).collect();
    let of_job = kinds.clone();
    let play = move || -> io::Result<(bool, Vec<Vec<Round>>)> {
        let before = to_one_cpu();
        // One round that does not count: the first of anything is slow.
        for kind in &of_job {
            kind.round()?;
        }
        let round = |_| of_job.iter().map(|kind| kind.round()).collect();
        let rounds: io::Result<_> = (0..ROUNDS).map(round).collect();
        if let Some(cpus) = before {
            sched_setaffinity(Pid::from_raw(0), &cpus)?;
        }
        Ok((before.is_some(), rounds?))
    };
    let (on_one_cpu, rounds) = lab.host(HOST).run(play).map_err(Trouble::io("talk to oneself"))?;
    story.set_up = vec![format!(
        "bare sockets of two threads{}; {ROUNDS} rounds in turn, of {TRIPS} round trips and {} MiB in pieces \
         of {} KiB",
        if on_one_cpu { " on one CPU" } else { "" },
        BULK >> 20,
        CHUNK >> 10
    )];
    let measured: Vec<(Kind, Medians)> = kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            let of_kind = |value: fn(&Round) -> Option<f64>| {
                Median::of(rounds.iter().filter_map(|round| value(&round[at])).collect())
            };
            let trips = of_kind(|round| Some(round.trips));
            (*kind, Medians { trips, bulk: of_kind(|round| round.bulk) })
        })
        .collect();
    story.explanation = explanation(&measured, on_one_cpu);
    let rows = measured.iter().map(|(kind, Medians { trips, bulk })| {
        let shown = |median: &Option<Median>| median.map_or("-".to_owned(), Median::in_words);
        vec![kind.name(), shown(trips), shown(bulk)]
    });
    story.tables = vec![Table {
        says: "medians of the rounds, and their range".into(),
        columns: ["over", "round trips a second", "MiB a second"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }];
    let arrived: usize = rounds.iter().flatten().map(|round| round.arrived).sum();
    let in_round = |kind: &Kind| kind.bulk() + TRIPS * 2;
    let expected = ROUNDS * kinds.iter().map(in_round).sum::<usize>();
    let (id, says) = ("speed-arrived", "bytes that arrived, of all kinds in all rounds");
    story.checks = vec![Check::equal(id, says, expected, arrived)];
    Ok(story)
}

/// Has this thread, and those that it starts, run on one CPU; gives back where it ran before.
///
/// On two CPUs it depends on chance, and on how deeply the other one sleeps, whether a round trip takes 6 or
/// 90 µs, which is more than anything that is compared here. `None` where it cannot be had.
fn to_one_cpu() -> Option<CpuSet> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this).ok()?;
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap_or(false))?;
    let mut one = CpuSet::new();
    one.set(first).ok()?;
    sched_setaffinity(this, &one).ok()?;
    Some(allowed)
}

/// What was measured of one kind in all rounds.
struct Medians {
    trips: Option<Median>,
    bulk: Option<Median>,
}

/// A median, and the range around it.
#[derive(Clone, Copy)]
struct Median {
    value: f64,
    least: f64,
    most: f64,
}

impl Median {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        Some(Self { value: values[values.len() / 2], least, most })
    }

    fn in_words(self) -> String {
        format!("{:.0}  ({:.0}..{:.0})", self.value, self.least, self.most)
    }
}

/// What the numbers of this run say.
fn explanation(measured: &[(Kind, Medians)], on_one_cpu: bool) -> Vec<String> {
    let of = |kind| measured.iter().find(|(one, _)| *one == kind).map(|(_, medians)| medians);
    let trip = |family| Some(1e6 / of(Kind::Stream(family))?.trips?.value);
    let bulk = |family| Some(of(Kind::Stream(family))?.bulk?.value);
    let mut says = vec![
        "A Unix socket hands the bytes to the other one's queue. Over loopback they go down the whole stack \
         and up again: segments, routes, acknowledgements, a softirq between the two."
            .to_owned(),
    ];
    if let (Some(unix), Some(v4)) = (trip(Family::Unix), trip(Family::V4)) {
        let v6 = trip(Family::V6).map(|v6| format!(", {v6:.1} over IPv6")).unwrap_or_default();
        let mut one = format!(
            "Here a round trip took {unix:.1} µs over a Unix stream, {v4:.1} over IPv4{v6}."
        );
        if unix > v4 / 2.0 && unix < v4 * 2.0 {
            one +=
                " So most of it is the same for all: the calls, and one thread waking the other.";
        }
        if on_one_cpu {
            one += " Both threads have one CPU; with two it would depend on how long the other takes to wake \
                    up, and vary more than any of these do.";
        }
        says.push(one);
    }
    if let (Some(unix), Some(v4)) = (bulk(Family::Unix), bulk(Family::V4)) {
        says.push(format!(
            "The bulk went {:.1} times as fast over the Unix stream as over IPv4. These numbers are of this \
             machine in this minute, so no check depends on them.",
            unix / v4
        ));
    }
    says
}

impl Kind {
    const fn family(self) -> Family {
        match self {
            Self::Stream(family) | Self::Datagram(family) => family,
        }
    }

    fn name(self) -> String {
        let family = match self.family() {
            Family::Unix => "Unix",
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        match self {
            Self::Stream(_) => format!("{family} stream"),
            Self::Datagram(_) => format!("{family} datagrams"),
        }
    }

    const fn bulk(self) -> usize {
        match self {
            Self::Stream(_) => BULK,
            Self::Datagram(_) => 0,
        }
    }

    fn round(self) -> io::Result<Round> {
        match self {
            Self::Stream(Family::Unix) => {
                let (here, there) = UnixStream::pair()?;
                for end in [&here, &there] {
                    end.set_read_timeout(Some(SOON))?;
                }
                streams(here, there)
            }
            Self::Stream(family) => {
                let listener = TcpListener::bind(family.loopback())?;
                let here = TcpStream::connect(listener.local_addr()?)?;
                let (there, _) = listener.accept()?;
                for end in [&here, &there] {
                    end.set_nodelay(true)?;
                    end.set_read_timeout(Some(SOON))?;
                }
                streams(here, there)
            }
            Self::Datagram(Family::Unix) => {
                let (here, there) = UnixDatagram::pair()?;
                for end in [&here, &there] {
                    end.set_read_timeout(Some(SOON))?;
                }
                let ask = |byte: &mut [u8]| here.send(byte).and_then(|_| here.recv(byte));
                let answer = |byte: &mut [u8]| there.recv(byte).and_then(|_| there.send(byte));
                trips(ask, answer)
            }
            Self::Datagram(family) => {
                let here = UdpSocket::bind(family.loopback())?;
                let there = UdpSocket::bind(family.loopback())?;
                here.connect(there.local_addr()?)?;
                there.connect(here.local_addr()?)?;
                for end in [&here, &there] {
                    end.set_read_timeout(Some(SOON))?;
                }
                let ask = |byte: &mut [u8]| here.send(byte).and_then(|_| here.recv(byte));
                let answer = |byte: &mut [u8]| there.recv(byte).and_then(|_| there.send(byte));
                trips(ask, answer)
            }
        }
    }
}

impl Family {
    fn loopback(self) -> SocketAddr {
        let ip: IpAddr = match self {
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
            Self::V4 | Self::Unix => Ipv4Addr::LOCALHOST.into(),
        };
        SocketAddr::new(ip, 0)
    }
}

/// Round trips between two ends, one of them on a thread of its own.
fn trips(
    mut ask: impl FnMut(&mut [u8]) -> io::Result<usize>,
    mut answer: impl FnMut(&mut [u8]) -> io::Result<usize> + Send,
) -> io::Result<Round> {
    thread::scope(|scope| {
        let answering = scope
            .spawn(move || -> io::Result<usize> { (0..TRIPS).map(|_| answer(&mut [0])).sum() });
        let start = Instant::now();
        let asked: usize = (0..TRIPS).map(|_| ask(&mut [0])).sum::<io::Result<usize>>()?;
        let took = start.elapsed();
        let answered = answering.join().expect("answering does not panic")?;
        Ok(Round { trips: per_second(TRIPS, took), bulk: None, arrived: asked + answered })
    })
}

/// Round trips over a stream, and then a bulk of bytes one way.
fn streams<S: Read + Write + Send>(mut here: S, mut there: S) -> io::Result<Round> {
    let ask = |byte: &mut [u8]| here.write_all(byte).and_then(|()| here.read(byte));
    let answer = |byte: &mut [u8]| {
        let len = there.read(byte)?;
        there.write_all(byte).map(|()| len)
    };
    let round = trips(ask, answer)?;
    thread::scope(|scope| {
        let start = Instant::now();
        let reading = scope.spawn(move || -> io::Result<usize> {
            let (mut buffer, mut got) = (vec![0; CHUNK], 0);
            while got < BULK {
                match there.read(&mut buffer)? {
                    0 => break,
                    len => got += len,
                }
            }
            Ok(got)
        });
        let chunk = vec![0; CHUNK];
        for _ in 0..BULK / CHUNK {
            here.write_all(&chunk)?;
        }
        let got = reading.join().expect("reading does not panic")?;
        let bulk = Some(per_second(BULK >> 20, start.elapsed()));
        Ok(Round { bulk, arrived: round.arrived + got, ..round })
    })
}

fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(unix: f64, v4: f64, bulk: (f64, f64)) -> String {
        let median = |value| Median::of(vec![value]);
        let stream = |family, trips, bulk| {
            (Kind::Stream(family), Medians { trips: median(trips), bulk: median(bulk) })
        };
        let measured = [stream(Family::Unix, unix, bulk.0), stream(Family::V4, v4, bulk.1)];
        explanation(&measured, true).join(" ")
    }

    /// No sentence says of the speed what the table beside it contradicts.
    #[test]
    fn what_is_said_of_the_speed_are_the_numbers() {
        let alike = told(200_000.0, 160_000.0, (7_000.0, 3_500.0));
        assert!(
            alike.contains("took 5.0 µs over a Unix stream, 6.2 over IPv4. So most"),
            "{alike}"
        );
        assert!(alike.contains("2.0 times as fast"), "{alike}");
        let unlike = told(200_000.0, 50_000.0, (2_000.0, 4_000.0));
        assert!(!unlike.contains("the same for all"), "{unlike}");
        assert!(unlike.contains("0.5 times as fast"), "{unlike}");
    }
}
