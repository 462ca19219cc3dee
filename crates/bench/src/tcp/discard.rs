//! How many bytes of frames the server takes in a second: beside `iperf3`.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cli::Failure;
use serde_json::Value;

use super::{Found, OURS, apart, cannot_measure, per_second, start_ours, used};
use crate::load;
use crate::programs::{Program, free_address};
use crate::row::{Better, Outcome, Row, Work};
use crate::server::{Server, Told};
use crate::session::{Bench, Measured};

const NAME: &str = "discard-64KiB";
const PAYLOAD: usize = 64 * 1024;

/// The congestion control of whoever sends, ours and theirs: else what the system paces is what is measured, and
/// it is what `tcp-client` has within a machine.
const CONGESTION: &str = "reno";

/// What part of the bytes per second of `iperf3` ours must reach.
const GOAL: f64 = 0.95;

pub(super) fn run(bench: &mut Bench<'_>, found: &Found) -> Result<(), Failure> {
    if !bench.wants(NAME) {
        return Ok(());
    }
    let work = Work { name: NAME.into(), unit: "B/s", better: Better::More };
    let outcome = match found.iperf3.path() {
        Some(program) => measure(bench, &work, &found.iperf3, program)?,
        None => Outcome::Skipped(found.iperf3.why_not()),
    };
    bench.row(Row { work, peer: Some(found.iperf3.name.into()), goal: GOAL, outcome });
    Ok(())
}

fn measure(
    bench: &mut Bench<'_>,
    work: &Work,
    iperf3: &Program,
    program: &Path,
) -> Result<Outcome, Failure> {
    let (servers, _apart) = apart(|| Ok([start_ours("discard", &[])?, start_iperf3(program)?]))?;
    let time = bench.time();
    let reached = bench.measure(work, &[OURS, iperf3.name], |contender| {
        let server = &servers[contender];
        per_second(server, || {
            if contender == 1 {
                return ask_iperf3(program, server.address(), time);
            }
            let taken = load::one_way(server.address(), PAYLOAD, time, CONGESTION)?;
            Ok((taken.bytes as f64, taken.elapsed))
        })
    })?;
    let ours = used(OURS, work.unit, &reached[0]);
    // Its client is a process of its own, which no meter here watches.
    let theirs = used(iperf3.name, work.unit, &reached[1]);
    let theirs = theirs.split(", its load").next().unwrap_or_default();
    bench.note(format!("{NAME}: {ours}; {theirs}; iperf3 -s, iperf3 -c -l 64K -C {CONGESTION}"));
    let [ours, theirs] = [0, 1].map(|at: usize| Measured::figures(&reached[at]));
    Ok(Outcome::Measured { ours, theirs: Some(theirs) })
}

fn start_iperf3(program: &Path) -> Result<Server, Failure> {
    let address = free_address().map_err(|error| cannot_measure("iperf3", &error))?;
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let args = ["-s", "-B", &ip, "-p", &port, "--forceflush"];
    let listening = move |line: &str| line.contains("Server listening").then_some(address);
    Server::start_other("iperf3", program, &args, Told::Stdout, listening)
}

/// How many bytes its server took, and in what time.
fn ask_iperf3(program: &Path, address: SocketAddr, time: Duration) -> io::Result<(f64, Duration)> {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    // It measures whole seconds.
    let seconds = time.as_secs().max(1).to_string();
    let mut command = Command::new(program);
    command.args(["-c", &ip, "-p", &port, "-t", &seconds, "-l", "64K", "-C", CONGESTION, "--json"]);
    let output = command.output()?;
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let received = &told["end"]["sum_received"];
    let (bytes, seconds) = (received["bytes"].as_f64(), received["seconds"].as_f64());
    let taken = bytes.zip(seconds).filter(|(_, seconds)| *seconds > 0.0);
    let (bytes, seconds) =
        taken.ok_or_else(|| io::Error::other(format!("iperf3 told: {}", told["error"])))?;
    Ok((bytes, Duration::from_secs_f64(seconds)))
}
