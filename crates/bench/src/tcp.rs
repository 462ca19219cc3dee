//! What `tcp-server` and `tcp-client` reach: beside the least that one can write, and beside the programs
//! that one would take instead.
//!
//! | works | what one unit is | beside | module |
//! |---|---|---|---|
//! | `reply-64B-1`, `reply-64B-64` | a frame with 64 B of payload there and back, over 1 and 64 connections | a bare echo | `echo` |
//! | `reply-64B-1-p50`, `reply-64B-64-p50` | how long half of them take at most | a bare echo, `sockperf` | `echo` |
//! | `bulk-64KiB` | a byte of frames with 64 KiB of payload there and back, one connection | a bare echo | `echo` |
//! | `discard-64KiB` | a byte of such frames one way, one connection | `iperf3` | `discard` |
//! | `connect-64B` | a connection with one request and its reply | a bare echo, `socat`, `ncat` | `connect` |
//! | `idle-15000` | the server's memory for a connection that has had a reply and is silent | | `idle` |
//! | `tls-handshake` | an agreement on TLS, for each second of a core that it takes the server | the same library, bare | `tls` |
//! | `tls-idle-15000` | as `idle-15000`, over TLS | | `tls` |
//! | `file-4GiB` | a byte of a file, from one memory file system to another | `socat`, which checks nothing | `file` |
//!
//! The load comes from this process and counts what comes back. Servers are processes of their own, and
//! sleep while it is not their turn. They have one core and the load generator has the others; where only
//! one request is under way it joins them (see [`crate::cores`]). How many cores both sides used is in the
//! rounds and below the table: where the load generator uses all that it has, it may be what is measured.

mod connect;
mod discard;
mod echo;
mod file;
mod idle;
mod tls;

use std::io;
use std::process;
use std::time::Duration;

use cli::{Exit, Failure};

use crate::cores;
use crate::cpu::Meter;
use crate::figures::Figures;
use crate::machine::version_of;
use crate::programs::Program;
use crate::server::{Server, our_program};
use crate::session::{Measured, Peer, Session};

/// How long one measurement takes.
const TIME: Duration = Duration::from_secs(2);

const OURS: &str = "tcp-server";
const BARE: &str = "bare echo";

/// The hidden command of this program that is the bare echo.
pub const BARE_ECHO: &str = "bare-echo";
pub use tls::BARE_TLS;

/// The programs beside which ours are measured.
struct Found {
    iperf3: Program,
    ncat: Program,
    socat: Program,
    sockperf: Program,
}

impl Found {
    fn look() -> Self {
        Self {
            iperf3: Program::look("iperf3", "apt-get install iperf3", "--version", "iperf "),
            ncat: Program::look("ncat", "apt-get install ncat", "--version", "Version "),
            socat: Program::look("socat", "apt-get install socat", "-V", "socat version "),
            sockperf: Program::look(
                "sockperf",
                "apt-get install sockperf",
                "--version",
                "version ",
            ),
        }
    }

    fn peers(&self) -> Vec<Peer> {
        let tokio = version_of("tokio").unwrap_or("of unknown version");
        let bare =
            Peer { name: BARE, version: format!("ten lines on tokio {tokio}"), install: None };
        let programs = [&self.sockperf, &self.iperf3, &self.socat, &self.ncat];
        [bare].into_iter().chain(programs.map(Program::peer)).collect()
    }
}

/// Measures every work.
pub fn run(session: &mut Session) -> Result<(), Failure> {
    let found = Found::look();
    let mut bench = session.begin("tcp", found.peers(), TIME);
    echo::run(&mut bench, &found)?;
    discard::run(&mut bench, &found)?;
    connect::run(&mut bench, &found)?;
    idle::run(&mut bench)?;
    tls::run(&mut bench)?;
    file::run(&mut bench, &found)
}

/// Starts `tcp-server` in a mode.
fn start_ours(mode: &str, options: &[&str]) -> Result<Server, Failure> {
    let args = ["--mode", mode, "--port", "0", "--format", "json", "--quiet"];
    Server::start(OURS, &our_program(OURS)?, &[&args, options].concat())
}

/// Starts servers on a core of their own, from which the load generator keeps away until what comes with
/// them is dropped.
fn apart<T>(start: impl FnOnce() -> Result<T, Failure>) -> Result<(T, cores::Apart), Failure> {
    let (started, apart) = cores::apart(start).map_err(cores::failure)?;
    Ok((started?, apart))
}

/// Measures how many units of work `server` does in a second: `load` gives how many there were, and how
/// long they took.
fn per_second(
    server: &Server,
    load: impl FnOnce() -> io::Result<(f64, Duration)>,
) -> Result<Measured, Failure> {
    let measure = || {
        let (server_meter, load_meter) =
            (Meter::start(server.pid())?, Meter::start(process::id())?);
        let (units, elapsed) = load()?;
        Ok(Measured {
            value: units / elapsed.as_secs_f64(),
            server_cores: Some(server_meter.cores()?),
            load_cores: Some(load_meter.cores()?),
        })
    };
    measure().map_err(|error| cannot_measure(server.name(), &error))
}

fn cannot_measure(name: &str, error: &io::Error) -> Failure {
    Failure::from_io(Exit::Failed, &format!("cannot measure {name}"), error)
}

/// How many cores were used in the rounds of `name`, and how much of the server's time one unit took, as
/// medians.
fn used(name: &str, unit: &str, rounds: &[Measured]) -> String {
    let median = |figure: fn(&Measured) -> Option<f64>| {
        Figures::new(rounds.iter().filter_map(figure).collect()).median()
    };
    let (server, load) = (median(|round| round.server_cores), median(|round| round.load_cores));
    let seconds = median(|round| Some(round.server_cores? / round.value));
    let cost = match seconds {
        1e-6.. => format!("{:.2} µs", seconds * 1e6),
        _ => format!("{:.2} ns", seconds * 1e9),
    };
    let unit = unit.trim_end_matches("/s");
    format!("{name} used {server:.2} cores ({cost} for one {unit}), its load generator {load:.2}")
}
