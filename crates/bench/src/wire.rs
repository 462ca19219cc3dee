//! What the lab's wire carries, with recording on.
//!
//! Every measurement is a process of its own: it enters namespaces, which only a process without threads
//! may, makes a lab of two hosts, and tells what it measured (see `lab`). There is no peer. A measurement
//! in which the wire missed a packet, or a host lost one, is not valid, and its row is skipped.
//!
//! | work | what one unit is |
//! |---|---|
//! | `tcp-1500` | a bit of payload that a receiver read from one flow of segments of at most 1,500 bytes |
//! | `udp-1400B` | a datagram with 1,400 bytes of payload that a receiver read; 128 are under way at once |
//! | `round-trip` | a microsecond that the wire adds to half of all round trips of a datagram: the median over the wire less the median over one host's loopback |
//! | `delay-10ms` | a microsecond by which a delay of 10 ms is missed, from the moment when the kernel had the packet at the one end to the moment when it had it at the other: 99 of 100 packets miss it by less |

mod lab;

use std::env;
use std::fmt::Write as _;
use std::process::{self, Command, Stdio};
use std::time::Duration;

use cli::{Exit, Failure};

use crate::figures::Figures;
use crate::row::{Better, Outcome, Row, Work};
use crate::server::AS_PEER;
use crate::session::{Measured, Session};

pub use lab::{Seen, measure_here};

/// How long one measurement takes.
const TIME: Duration = Duration::from_secs(2);

/// The hidden command of this program that makes a lab and measures in it.
pub const WIRE_LAB: &str = "wire-lab";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Load {
    /// One TCP flow.
    #[value(name = "tcp-1500")]
    Tcp,
    /// Datagrams as fast as they are taken.
    #[value(name = "udp-1400B")]
    Udp,
    /// One datagram there and back.
    #[value(name = "round-trip")]
    RoundTrip,
    /// Datagrams that a rule delays.
    #[value(name = "delay-10ms")]
    Delay,
}

const WORKS: [(Load, &str, Better, f64); 4] = [
    (Load::Tcp, "bit/s", Better::More, 1e9),
    (Load::Udp, "datagram/s", Better::More, 80_000.0),
    (Load::RoundTrip, "µs", Better::Less, 100.0),
    (Load::Delay, "µs", Better::Less, 200.0),
];

/// Measures every work.
pub fn run(session: &mut Session) -> Result<(), Failure> {
    let mut bench = session.begin("wire", Vec::new(), TIME);
    for (load, unit, better, goal) in WORKS {
        let name = load.name();
        if !bench.wants(&name) {
            continue;
        }
        let work = Work { name: name.clone(), unit, better };
        let time = bench.time();
        let mut seen = Vec::new();
        let reached = bench.measure(&work, &["wire"], |_| {
            let figures = measure(&name, time)?;
            let value = figures.value;
            seen.push(figures);
            Ok(Measured::alone(value))
        })?;
        // The first is the warm-up.
        let counted = &seen[1..];
        let invalid = counted.iter().filter(|seen| !seen.is_complete()).count();
        let outcome = if invalid > 0 {
            Outcome::Skipped(format!(
                "packets were missed in {invalid} of {} rounds",
                counted.len()
            ))
        } else {
            Outcome::Measured { ours: Measured::figures(&reached[0]), theirs: None }
        };
        bench.note(format!("{name}: {}", in_words(counted)));
        bench.row(Row { work, peer: None, goal, outcome });
    }
    Ok(())
}

impl Load {
    fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self).expect("no load is hidden");
        value.get_name().to_owned()
    }
}

/// Starts this program once more, as a lab, and reads what it measured.
fn measure(load: &str, time: Duration) -> Result<Seen, Failure> {
    let failed = |why: String| Failure::new(Exit::Failed, "lab", format!("{load}: {why}"));
    let program = env::current_exe()
        .map_err(|error| Failure::from_io(Exit::Usage, "cannot find this program", &error))?;
    // As a peer it ends with this process, however that ends.
    let output = Command::new(&program)
        .args([AS_PEER, &process::id().to_string(), "--"])
        .arg(&program)
        .args([WIRE_LAB, load, &time.as_millis().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::from_io(Exit::Failed, "cannot start the lab", &error))?;
    if !output.status.success() {
        return Err(failed(format!("the lab ended with {}", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

/// What was recorded and at what cost, as medians.
fn in_words(rounds: &[Seen]) -> String {
    let median =
        |figure: fn(&Seen) -> f64| Figures::new(rounds.iter().map(figure).collect()).median();
    let packets = median(|seen| seen.recorded as f64);
    let cores = median(|seen| seen.wire_cores);
    let lost: u64 = rounds.iter().map(|seen| seen.missed + seen.left_out + seen.lost).sum();
    let mut words = format!(
        "{packets:.0} packets recorded, {lost} missed in all rounds, the wire's thread used {cores:.2} cores"
    );
    if let Some(beside) = rounds.iter().map(|seen| seen.beside.clone()).next_back().flatten() {
        let _ = write!(words, "; last round: {beside}");
    }
    words
}
