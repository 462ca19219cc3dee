//! How many clients with one request each are served in a second.

use std::path::Path;

use cli::Failure;

use super::{BARE, BARE_ECHO, Found, OURS, apart, cannot_measure, per_second, used};
use crate::load;
use crate::programs::{Program, free_address};
use crate::row::{Better, Outcome, Row, Work};
use crate::server::{Server, Told, our_program};
use crate::session::{Bench, Measured};

const NAME: &str = "connect-64B";
const PAYLOAD: usize = 64;

/// What part of the bare echo's figure ours must reach, and how many times that of the others.
const BARE_GOAL: f64 = 0.95;
const OTHERS_GOAL: f64 = 5.0;

pub(super) fn run(bench: &mut Bench<'_>, found: &Found) -> Result<(), Failure> {
    if !bench.wants(NAME) {
        return Ok(());
    }
    let work = Work { name: NAME.into(), unit: "client/s", better: Better::More };
    let others = [&found.socat, &found.ncat];
    let (servers, _apart) = apart(|| {
        let mut servers = vec![start_quiet()?, Server::start_own(BARE, &[BARE_ECHO])?];
        for other in others {
            if let Some(program) = other.path() {
                servers.push(start_other(bench, other, program)?);
            }
        }
        Ok(servers)
    })?;
    let names: Vec<_> = servers.iter().map(Server::name).collect();
    let time = bench.time();
    let reached = bench.measure(&work, &names, |contender| {
        let server = &servers[contender];
        per_second(server, || {
            let served = load::connect_each(server.address(), PAYLOAD, time)?;
            Ok((served.frames as f64, served.elapsed))
        })
    })?;
    let [ours, bare] = [0, 1].map(|at: usize| used(names[at], work.unit, &reached[at]));
    bench.note(format!("{NAME}: {ours}; {bare}"));
    let row = |peer: &str, goal: f64, why: Option<String>| {
        let outcome = match names.iter().position(|name| *name == peer) {
            Some(at) => Outcome::Measured {
                ours: Measured::figures(&reached[0]),
                theirs: Some(Measured::figures(&reached[at])),
            },
            None => Outcome::Skipped(why.unwrap_or_default()),
        };
        Row { work: work.clone(), peer: Some(peer.into()), goal, outcome }
    };
    bench.row(row(BARE, BARE_GOAL, None));
    for other in others {
        bench.row(row(other.name, OTHERS_GOAL, Some(other.why_not())));
    }
    Ok(())
}

/// Starts ours without a word about each connection, as the others say none.
fn start_quiet() -> Result<Server, Failure> {
    let address = free_address().map_err(|error| cannot_measure(OURS, &error))?;
    let port = address.port().to_string();
    let args = ["--mode", "frames", "--port", &port, "--quiet"];
    Server::start_silent(OURS, &our_program(OURS)?, &args, address)
}

/// Starts an echo as one makes it of `socat` and `ncat`, each of which begins a process for a client.
fn start_other(bench: &mut Bench<'_>, other: &Program, program: &Path) -> Result<Server, Failure> {
    let address = free_address().map_err(|error| cannot_measure(other.name, &error))?;
    let port = address.port().to_string();
    let listen = format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,backlog=1024,fork");
    let (args, listening): (Vec<&str>, _) = match other.name {
        "socat" => (vec!["-d", "-d", &listen, "EXEC:/bin/cat"], "listening on"),
        _ => (vec!["-v", "-k", "-l", "127.0.0.1", &port, "-e", "/bin/cat"], "Listening on 127"),
    };
    bench.note(format!("{NAME}: {} {}", other.name, args.join(" ").replace(&port, "PORT")));
    let listening = move |line: &str| line.contains(listening).then_some(address);
    Server::start_other(other.name, program, &args, Told::Stderr, listening)
}
