//! How much memory a silent connection takes.
//!
//! Each has sent a frame and got it back, so that the server has used for it what it uses for anybody.
//! Beside it, in a note, the servers of messages that are found here, with clients that have logged in.

use std::io::{Read, Write};

use bytes::BytesMut;
use cli::Failure;

use super::{OURS, cannot_measure, start_ours};
use crate::load::append_frame;
use crate::memory;
use crate::relay::client::Client;
use crate::relay::peers::{Found, NATS, REDIS};
use crate::row::{Better, Outcome, Row, Work};
use crate::session::{Bench, Measured};

const NAME: &str = "idle-15000";
const CONNECTIONS: usize = 15_000;
const PAYLOAD: usize = 64;

/// How many bytes each may take.
const GOAL: f64 = 3.0 * 1024.0;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<(), Failure> {
    if !bench.wants(NAME) {
        return Ok(());
    }
    let work = Work { name: NAME.into(), unit: "B", better: Better::Less };
    let outcome = match memory::raise_limit(CONNECTIONS) {
        Ok(()) => measure(bench, &work)?,
        Err(why) => Outcome::Skipped(why),
    };
    bench.row(Row { work, peer: None, goal: GOAL, outcome });
    Ok(())
}

fn measure(bench: &mut Bench<'_>, work: &Work) -> Result<Outcome, Failure> {
    let found = Found::look();
    let mut names = vec![OURS];
    names.extend([NATS, REDIS].into_iter().filter(|&name| found.has(name)));
    let reached = bench.measure(work, &names, |at| {
        let each = if at == 0 { ours()? } else { theirs(&found, names[at])? };
        Ok(Measured::alone(each))
    })?;
    for (name, rounds) in names.iter().zip(&reached).skip(1) {
        bench.note(format!("{NAME}: {name} took {}", Measured::figures(rounds).show("B")));
    }
    Ok(Outcome::Measured { ours: Measured::figures(&reached[0]), theirs: None })
}

fn ours() -> Result<f64, Failure> {
    let server = start_ours("frames", &["--max-conns", &(2 * CONNECTIONS).to_string()])?;
    let mut frame = BytesMut::new();
    append_frame(&mut frame, PAYLOAD, 1);
    let mut reply = vec![0; frame.len()];
    memory::of_each(server.pid(), server.address(), CONNECTIONS, |mut stream| {
        stream.write_all(&frame)?;
        stream.read_exact(&mut reply)?;
        Ok(stream)
    })
    .map_err(|error| cannot_measure(server.name(), &error))
}

fn theirs(found: &Found, name: &str) -> Result<f64, Failure> {
    let contender = found.start_one(name)?;
    let target = contender.target();
    memory::of_each(contender.pid(), target.address, CONNECTIONS, |stream| {
        let mut client = Client::over(stream, target.speech)?;
        client.inbox.release();
        Ok(client)
    })
    .map_err(|error| cannot_measure(name, &error))
}
