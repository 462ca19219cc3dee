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
use crate::relay::speech::Room;
use crate::relay::verify::{Ledger, payload};
use crate::session::Measured;

/// How many turns are taken before they count.
const WARM_UP: usize = 500;

/// How many turns are compared.
const VERIFIED: u64 = 2_000;

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
    let Pair { mut first, mut second, there, back } = Pair::meet(target)?;
    let payload = vec![b'x'; payload];
    let (mut question, mut answer) = (BytesMut::new(), BytesMut::new());
    target.speech.say(&there, 1, &payload, &mut question);
    target.speech.say(&back, 1, &payload, &mut answer);
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

/// Takes turns that do not count, and compares all that arrives; see [`verify`](crate::relay::verify).
pub fn verify(target: Target, len: usize) -> io::Result<()> {
    let Pair { mut first, mut second, there, back } = Pair::meet(target)?;
    let mut asked = Ledger::new(&there, &[first.you], 0, len);
    let mut answered = Ledger::new(&back, &[second.you], 0, len);
    let mut message = BytesMut::new();
    let mut pass =
        |number, room, speaker: &mut Client, listener: &mut Client, ledger: &mut Ledger| {
            message.clear();
            target.speech.say(room, number, &payload(0, number, len), &mut message);
            speaker.say(&message)?;
            ledger.enter(&listener.listen()?).map_err(io::Error::other)
        };
    for number in 1..=VERIFIED {
        pass(number, &there, &mut first, &mut second, &mut asked)?;
        pass(number, &back, &mut second, &mut first, &mut answered)?;
    }
    Ok(())
}

/// Two clients; the first one speaks in one room and listens in the other, the second one the other way.
struct Pair {
    first: Client,
    second: Client,
    there: Room,
    back: Room,
}

impl Pair {
    fn meet(target: Target) -> io::Result<Self> {
        let (mut first, mut second) = (Client::connect(target)?, Client::connect(target)?);
        let (there, back) = (new_room(), new_room());
        second.enter(&there, true)?;
        let there = first.enter(&there, false)?;
        first.enter(&back, true)?;
        let back = second.enter(&back, false)?;
        Ok(Self { first, second, there, back })
    }
}
