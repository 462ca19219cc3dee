//! What limits, accounting and frames cost `tcp-server`: beside an echo of ten lines that has none.
//!
//! Both are processes of their own, on the same runtime, and live through the whole run; the one whose
//! turn it is not waits in `epoll_wait`. The load comes from this process (see [`load`]): it counts what
//! comes back and compares it with what was sent. The servers have one core and the load generator has
//! the others; where only one request is under way it joins them (see [`cores`]). How many cores both
//! sides used is in the rounds and below the table: where the load generator uses all that it has, it
//! may be what is measured.
//!
//! | work | what one unit is |
//! |---|---|
//! | `reply-64B-1` | a frame with 64 B of payload there and back, one connection, one at a time |
//! | `reply-64B-64` | the same over 64 connections at once |
//! | `bulk-64KiB` | a byte of frames with 64 KiB of payload there and back, one connection |

use std::convert;
use std::io;
use std::process;
use std::time::Duration;

use cli::{Exit, Failure};

use crate::cores;
use crate::cpu::Meter;
use crate::figures::Figures;
use crate::load::{self, Amount, Echoed};
use crate::machine::version_of;
use crate::row::{Better, Outcome, Row, Work};
use crate::server::{Server, our_program};
use crate::session::{Measured, Peer, Session};

/// How long one measurement takes.
const TIME: Duration = Duration::from_secs(2);

/// What part of the bare echo's figure ours must reach.
const GOAL: f64 = 0.95;

const OURS: &str = "tcp-server";
const BARE: &str = "bare echo";

/// The hidden command of this program that is the bare echo.
pub const BARE_ECHO: &str = "bare-echo";

#[derive(Clone, Copy)]
enum Load {
    RequestReply { connections: usize, payload: usize },
    Bulk { payload: usize },
}

const WORKS: [(&str, &str, Load); 3] = [
    ("reply-64B-1", "request/s", Load::RequestReply { connections: 1, payload: 64 }),
    ("reply-64B-64", "request/s", Load::RequestReply { connections: 64, payload: 64 }),
    ("bulk-64KiB", "B/s", Load::Bulk { payload: 64 * 1024 }),
];

/// Measures every work.
pub fn run(session: &mut Session) -> Result<(), Failure> {
    let tokio = version_of("tokio").unwrap_or("of unknown version");
    let version = format!("ten lines on tokio {tokio}");
    let peer = Peer { name: BARE, version, install: None };
    let program = our_program(OURS)?;
    let args = ["--mode", "frames", "--port", "0", "--format", "json", "--quiet"];
    let start = || {
        let ours = Server::start(OURS, &program, &args)?;
        Ok::<_, Failure>((ours, Server::start_own(BARE, BARE_ECHO)?))
    };
    let (started, _apart) = cores::apart(start).map_err(cores::failure)?;
    let (ours, theirs) = started?;
    let mut bench = session.begin("tcp", vec![peer], TIME);
    for (name, unit, load) in WORKS {
        if !bench.wants(name) {
            continue;
        }
        let work = Work { name: name.into(), unit, better: Better::More };
        let time = bench.time();
        let reached = bench.measure(&work, &[OURS, BARE], |contender| {
            measure([&ours, &theirs][contender], load, time)
        })?;
        let [ours, theirs] = [(OURS, &reached[0]), (BARE, &reached[1])]
            .map(|(contender, rounds)| used(contender, unit, rounds));
        bench.note(format!("{name}: {ours}; {theirs}"));
        let outcome = Outcome::Measured {
            ours: Measured::figures(&reached[0]),
            theirs: Some(Measured::figures(&reached[1])),
        };
        bench.row(Row { work, peer: Some(BARE.into()), goal: GOAL, outcome });
    }
    Ok(())
}

fn measure(server: &Server, load: Load, time: Duration) -> Result<Measured, Failure> {
    let failed = |error: io::Error| {
        let operation = format!("cannot measure {}", server.name());
        Failure::from_io(Exit::Failed, &operation, &error)
    };
    let meter = || Ok((Meter::start(server.pid())?, Meter::start(process::id())?));
    let (server_meter, load_meter) = meter().map_err(failed)?;
    let address = server.address();
    let echoed = match load {
        Load::RequestReply { connections: 1, payload } => {
            cores::beside(server.pid(), || load::request_reply(address, 1, payload, time))
                .and_then(convert::identity)
        }
        Load::RequestReply { connections, payload } => {
            load::request_reply(address, connections, payload, time)
        }
        Load::Bulk { payload } => load::bulk(address, payload, Amount::For(time)),
    };
    let Echoed { frames, bytes, elapsed } = echoed.map_err(failed)?;
    let counted = match load {
        Load::RequestReply { .. } => frames,
        Load::Bulk { .. } => bytes,
    };
    Ok(Measured {
        value: counted as f64 / elapsed.as_secs_f64(),
        server_cores: Some(server_meter.cores().map_err(failed)?),
        load_cores: Some(load_meter.cores().map_err(failed)?),
    })
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
