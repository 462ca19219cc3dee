//! How long a message takes there and another one back, with nothing else under way.
//!
//! Two clients, two rooms: what the first one says in one room the second answers in the other. Both
//! are served by one thread with waiting reads, so that between the two ways nothing but the servers'
//! own work and the kernel's is timed.

use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::figures::percentile;
use crate::relay::client::{Client, Target};
use crate::relay::crowd::new_room;
use crate::session::Measured;

/// How many turns are taken before they count.
const WARM_UP: usize = 500;

/// How long it takes, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// Half of the turns take no longer.
    pub p50: Measured,
    /// Of a hundred turns 99 take no longer.
    pub p99: f64,
}

/// Measures for `time`, with messages of `payload` bytes.
pub fn run(target: Target, payload: usize, time: Duration) -> io::Result<Turns> {
    let speech = target.speech;
    let (mut first, mut second) = (Client::connect(target)?, Client::connect(target)?);
    let (there, back) = (new_room(), new_room());
    second.enter(&there, true)?;
    let there = first.enter(&there, false)?;
    first.enter(&back, true)?;
    let back = second.enter(&back, false)?;
    let payload = vec![b'x'; payload];
    let (mut question, mut answer) = (BytesMut::new(), BytesMut::new());
    speech.say(&there, 1, &payload, &mut question);
    speech.say(&back, 1, &payload, &mut answer);
    let mut turn = || -> io::Result<Duration> {
        let begin = Instant::now();
        first.say(&question)?;
        second.listen()?;
        second.say(&answer)?;
        first.listen()?;
        Ok(begin.elapsed())
    };
    for _ in 0..WARM_UP {
        turn()?;
    }
    let (start, mut turns) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        turns.push(turn()?);
    }
    turns.sort_unstable();
    let microseconds = |part: f64| percentile(&turns, part).as_secs_f64() * 1e6;
    Ok(Turns { p50: Measured::alone(microseconds(0.5)), p99: microseconds(0.99) })
}
