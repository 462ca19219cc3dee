//! What limits, accounting and frames cost: beside an echo of ten lines that has none.

use std::convert;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cli::Failure;

use super::{BARE, BARE_ECHO, Found, OURS, apart, cannot_measure, per_second, start_ours, used};
use crate::cores;
use crate::figures::percentile;
use crate::load::{self, Amount};
use crate::programs::free_address;
use crate::row::{Better, Outcome, Row, Work};
use crate::server::{Server, Told};
use crate::session::{Bench, Measured};

/// What part of the bare echo's requests and bytes per second ours must reach.
const REPLY_GOAL: f64 = 0.97;
const BULK_GOAL: f64 = 0.95;

/// How many times the bare echo's time half of the replies may take.
const MEDIAN_GOAL: f64 = 1.05;

const REPLY_PAYLOAD: usize = 64;
const BULK_PAYLOAD: usize = 64 * 1024;

/// Over how many connections bulk goes, one after the other.
///
/// Who of the two ends waits for the other settles when a connection begins, and mostly stays so: of the same
/// server one connection carries twice as much as the next. One a round would be a toss of a coin.
const BULK_CONNECTIONS: u32 = 10;

pub(super) fn run(bench: &mut Bench<'_>, found: &Found) -> Result<(), Failure> {
    if !["reply", "bulk"].iter().any(|prefix| bench.wants_any_of(prefix)) {
        return Ok(());
    }
    let (servers, _apart) =
        apart(|| Ok([start_ours("frames", &[])?, Server::start_own(BARE, &[BARE_ECHO])?]))?;
    for connections in [1, 64] {
        let name = format!("reply-64B-{connections}");
        rate(bench, &servers, &name, "request/s", REPLY_GOAL, |server, time| {
            let echoed = placed(connections, server, || {
                load::request_reply(server.address(), connections, REPLY_PAYLOAD, time)
            })?;
            Ok((echoed.frames as f64, echoed.elapsed))
        })?;
        median(bench, found, &servers, connections, &format!("{name}-p50"))?;
    }
    rate(bench, &servers, "bulk-64KiB", "B/s", BULK_GOAL, |server, time| {
        let amount = Amount::For(time / BULK_CONNECTIONS);
        let (mut bytes, mut elapsed) = (0, Duration::ZERO);
        for _ in 0..BULK_CONNECTIONS {
            let echoed = load::bulk(server.address(), BULK_PAYLOAD, amount)?;
            bytes += echoed.bytes;
            elapsed += echoed.elapsed;
        }
        Ok((bytes as f64, elapsed))
    })
}

/// Runs a load beside the server where one request is under way at a time, and apart from it otherwise.
fn placed<T>(
    connections: usize,
    server: &Server,
    load: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    if connections == 1 {
        return cores::beside(server.pid(), load).and_then(convert::identity);
    }
    load()
}

fn rate(
    bench: &mut Bench<'_>,
    servers: &[Server; 2],
    name: &str,
    unit: &'static str,
    goal: f64,
    load: impl Fn(&Server, Duration) -> io::Result<(f64, Duration)>,
) -> Result<(), Failure> {
    if !bench.wants(name) {
        return Ok(());
    }
    let work = Work { name: name.into(), unit, better: Better::More };
    let time = bench.time();
    let reached = bench.measure(&work, &[OURS, BARE], |contender| {
        let server = &servers[contender];
        per_second(server, || load(server, time))
    })?;
    let [ours, theirs] = [(OURS, &reached[0]), (BARE, &reached[1])]
        .map(|(contender, rounds)| used(contender, unit, rounds));
    bench.note(format!("{name}: {ours}; {theirs}"));
    bench.row(row(work, goal, &reached));
    Ok(())
}

/// How long half of the replies take at most, with `sockperf` as a third where one is under way at a time.
fn median(
    bench: &mut Bench<'_>,
    found: &Found,
    servers: &[Server; 2],
    connections: usize,
    name: &str,
) -> Result<(), Failure> {
    if !bench.wants(name) {
        return Ok(());
    }
    let work = Work { name: name.into(), unit: "us", better: Better::Less };
    let sockperf = match (connections, found.sockperf.path()) {
        (1, Some(program)) => Some((program, start_sockperf(program, servers)?)),
        _ => None,
    };
    let mut contenders = vec![OURS, BARE];
    contenders.extend(sockperf.iter().map(|_| "sockperf"));
    let time = bench.time();
    let reached = bench.measure(&work, &contenders, |contender| {
        let server = match &sockperf {
            Some((_, server)) if contender == 2 => server,
            _ => &servers[contender],
        };
        let address = server.address();
        let middle = placed(connections, server, || match &sockperf {
            Some((program, _)) if contender == 2 => ask_sockperf(program, address, time),
            _ => load::reply_times(address, connections, REPLY_PAYLOAD, time)
                .map(|times| percentile(&times, 0.5).as_secs_f64() * 1e6),
        });
        middle.map(Measured::alone).map_err(|error| cannot_measure(server.name(), &error))
    })?;
    if let Some(theirs) = reached.get(2) {
        let figures = Measured::figures(theirs).show("us");
        bench.note(format!("{name}: sockperf ping-pong --tcp --full-rtt -m 64 told {figures}"));
    }
    bench.row(row(work, MEDIAN_GOAL, &reached));
    Ok(())
}

fn row(work: Work, goal: f64, reached: &[Vec<Measured>]) -> Row {
    let outcome = Outcome::Measured {
        ours: Measured::figures(&reached[0]),
        theirs: Some(Measured::figures(&reached[1])),
    };
    Row { work, peer: Some(BARE.into()), goal, outcome }
}

/// Starts its server on the core of the others.
fn start_sockperf(program: &Path, others: &[Server; 2]) -> Result<Server, Failure> {
    let address = free_address().map_err(|error| cannot_measure("sockperf", &error))?;
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    // It says that it is there, but keeps that for itself where its output is no terminal.
    let program = program.to_string_lossy();
    let args = ["-oL", &program, "server", "--tcp", "-i", &ip, "-p", &port];
    let listening = move |line: &str| line.contains("to block on socket").then_some(address);
    let stdbuf = Path::new("stdbuf");
    let start = || Server::start_other("sockperf", stdbuf, &args, Told::Stdout, listening);
    cores::beside(others[0].pid(), start).map_err(cores::failure)?
}

/// What its client says is the middle of the times there and back, in microseconds.
fn ask_sockperf(program: &Path, address: SocketAddr, time: Duration) -> io::Result<f64> {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    // It measures whole seconds.
    let seconds = time.as_secs().max(1).to_string();
    let mut command = Command::new(program);
    command.args(["ping-pong", "--tcp", "--full-rtt", "-m", "64"]);
    let output = command.args(["-i", &ip, "-p", &port, "-t", &seconds]).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let middle = told.lines().find_map(|line| line.split_once("percentile 50.000 ="));
    let microseconds = middle.and_then(|(_, value)| value.trim().parse().ok());
    microseconds.ok_or_else(|| io::Error::other(format!("sockperf told no median: {told}")))
}
