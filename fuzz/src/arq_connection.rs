//! What becomes of each datagram between two honest peers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arq::{Channel, Config, End, Time};
use fastrand::Rng;

use crate::input::Input;
use crate::node::{Datagram, Fate, Node};
use crate::peer::{Peer, Planned};
use crate::ring::{Ring, ann_at, bob_at};

/// When it must be over, silence and all: the script is long over by then.
const LIMIT: Duration = Duration::from_secs(600);

/// The first bytes say what both want to send; each byte after them what becomes of a datagram, and when
/// they are used up nothing is wrong any more. The peers check themselves at every step; at the end all
/// must be confirmed, unless the silence was too long.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8();
    let window = [30_000, 300_000, 3_000_000, 300_000][usize::from(how & 3)];
    let config = Config {
        keepalive: (how & 4 != 0).then_some(Duration::from_secs(10)),
        channel_window: window,
        connection_window: 2 * window,
        ..Config::default()
    };
    let plans = [plan(&mut input), plan(&mut input)];
    let [ann, bob] = plans;
    let ann = Peer::new(1, ann_at(), config.clone(), ann);
    let bob = Peer::new(2, bob_at(), config, bob);
    let mut ring = Ring::new(ann, bob, Rng::with_seed(3));
    let script = input.0.to_vec();
    let script = Arc::new(Mutex::new(script.into_iter()));
    let way = |there| Box::new(Scripted { there, script: Arc::clone(&script), from: ann_at() });
    ring.there = vec![way(true)];
    ring.back = vec![way(false)];
    ring.ann.connect(&ring.bob, how & 8 != 0);
    let silent = |peer: &Peer| matches!(peer.end, Some((End::Silence, _)));
    let over = |ring: &Ring| {
        let done = ring.ann.is_done() && ring.bob.is_done();
        done || silent(&ring.ann) || silent(&ring.bob)
    };
    assert!(ring.run(LIMIT, over), "neither done nor given up");
    ring.ann.close(ring.now);
    let idle = |ring: &Ring| !ring.ann.endpoint.is_busy() && !ring.bob.endpoint.is_busy();
    assert!(ring.run(2 * LIMIT, idle), "not closed");
}

fn plan(input: &mut Input<'_>) -> Vec<Planned> {
    let count = input.u8() % 16;
    let message = |input: &mut Input<'_>| {
        let at = Duration::from_millis(10 * u64::from(input.u8()));
        let channel = match input.u8() % 8 {
            0 => None,
            n @ 1..5 => Some(Channel::ordered(n)),
            n => Some(Channel::unordered(n)),
        };
        let len = usize::from(input.u16()) % if channel.is_none() { 1000 } else { 20_000 };
        Planned { at, channel, len }
    };
    let mut plan: Vec<_> = (0..count).map(|_| message(input)).collect();
    plan.sort_by_key(|planned| std::cmp::Reverse(planned.at));
    plan
}

/// Both ways draw from one script, in the order in which datagrams come by.
struct Scripted {
    there: bool,
    script: Arc<Mutex<std::vec::IntoIter<u8>>>,
    /// From where the datagrams of Ann seem to come.
    from: SocketAddr,
}

impl Node for Scripted {
    fn pass(&mut self, now: Time, _: &mut Rng, mut datagram: Datagram) -> Fate {
        let mut script = self.script.lock().expect("nobody has panicked");
        let mut next = || script.next().unwrap_or_default();
        let fate = next();
        let arrival = now + Duration::from_millis(10);
        let late = |ms: u8| arrival + Duration::from_millis(4 * u64::from(ms));
        if self.there && fate & 31 == 7 {
            self.from.set_port(1000 + u16::from(next() & 3));
        }
        if self.there {
            datagram.from = self.from;
        }
        match fate & 7 {
            1 => return Fate::new(),
            2 => return vec![(late(next()), datagram)],
            3 => return vec![(arrival, datagram.clone()), (late(next()), datagram)],
            4 => {
                let at = usize::from(u16::from_be_bytes([next(), next()])) % datagram.bytes.len();
                datagram.bytes[at] ^= fate >> 3 | 1;
            }
            5 if fate & 8 != 0 => datagram.bytes.truncate(usize::from(next())),
            _ => {}
        }
        vec![(arrival, datagram)]
    }
}
