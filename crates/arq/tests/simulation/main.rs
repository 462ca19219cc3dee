//! Two peers on bad networks, in virtual time, with seeds.
//!
//! After every step it must hold that no packet number is used twice, that no more is in flight than
//! allowed, that an unproven address gets at most three times what came from it, that a timer is set
//! while something is in flight and none that has passed, and that what was read is what was sent, in
//! order where that was promised, once, and all of what was confirmed.
//!
//! `ARQ_SEEDS=10000 cargo test --release -p arq --test simulation` runs many seeds, and
//! `ARQ_SEED=7 cargo test -p arq --test simulation NAME` one of them again.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]
#![allow(clippy::print_stderr, reason = "the seed of a failure is what one needs to play it again")]

mod node;
mod peer;
mod reader;
mod ring;
mod scenarios;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use arq::{Channel, Config, End};
use fastrand::Rng;

use node::Node;
use peer::{Peer, Planned};
use ring::{Ring, ann_at, bob_at};

/// How many seeds a scenario is run with, if nobody says otherwise.
const SEEDS: u64 = 200;

/// A network, and what is to come of it.
struct Scenario {
    /// The nodes of one way: there, or back.
    way: fn(&mut Rng, bool) -> Vec<Box<dyn Node>>,
    /// How many messages each side sends at most.
    messages: usize,
    /// The longest of them.
    longest: usize,
    /// Within which time they are handed in.
    during: Duration,
    /// When everything must be over.
    limit: Duration,
    idle: Duration,
    /// How often Bob must have seen Ann move, at least.
    moves: usize,
    /// Whether signs of life are asked for: without, nobody learns that a silent peer has moved.
    keepalive: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            way: |_, _| Vec::new(),
            messages: 30,
            longest: 20_000,
            during: Duration::from_secs(2),
            limit: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            moves: 0,
            keepalive: false,
        }
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Runs the function with many seeds, and says which one failed.
fn each_seed(run: impl Fn(u64)) {
    let seeds = match number("ARQ_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ARQ_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            let test = std::thread::current().name().unwrap_or("").to_owned();
            eprintln!(
                "seed {seed} failed; again: ARQ_SEED={seed} cargo test -p arq --test simulation {test}"
            );
            resume_unwind(panic);
        }
    }
}

impl Scenario {
    #[track_caller]
    fn check(&self) {
        each_seed(|seed| self.run(seed));
    }

    fn run(&self, seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let mut ring = self.ring(seed, &mut rng);
        let done = ring.run(self.limit, |ring| ring.ann.is_done() && ring.bob.is_done());
        assert!(done, "not done after {:?}: {}", self.limit, tell(&ring));
        assert!(ring.bob.moves >= self.moves, "Bob saw {} moves", ring.bob.moves);
        ring.ann.close(ring.now);
        let closed = ring.run(2 * self.limit, |ring| {
            !ring.ann.endpoint.is_busy() && !ring.bob.endpoint.is_busy()
        });
        assert!(closed, "not closed: {}", tell(&ring));
        assert_eq!(ring.ann.end, Some((End::Closed, 0)));
        let reason = "done".to_owned();
        let by_peer = Some((End::ClosedByPeer { code: 0, reason }, 0));
        // All Closes may be lost; then silence is what ends it.
        let silence = Some((End::Silence, 0));
        assert!(ring.bob.end == by_peer || ring.bob.end == silence, "{:?}", ring.bob.end);
    }

    fn ring(&self, seed: u64, rng: &mut Rng) -> Ring {
        // Small windows too, so that credit is waited for.
        let least = (self.longest as u64 + arq::limits::MESSAGE_COST) * 4 / 3;
        let window = least + *rng.choice(&[1, 30_000, 3_000_000]).unwrap();
        let config = Config {
            idle: self.idle,
            keepalive: (rng.bool() || self.keepalive).then_some(self.idle / 3),
            channel_window: window,
            connection_window: 2 * window,
            send_buffer: *rng.choice(&[50_000, 5_000_000]).unwrap(),
            ..Config::default()
        };
        let ann = Peer::new(rng.u64(..), ann_at(), config.clone(), self.plan(rng));
        let bob = Peer::new(rng.u64(..), bob_at(), config, self.plan(rng));
        let mut ring = Ring::new(ann, bob, Rng::with_seed(seed ^ 0x5eed));
        ring.there = (self.way)(rng, true);
        ring.back = (self.way)(rng, false);
        ring.ann.connect(&ring.bob, rng.bool());
        ring
    }

    fn plan(&self, rng: &mut Rng) -> Vec<Planned> {
        let count = rng.usize(..=self.messages);
        let mut plan: Vec<Planned> = (0..count)
            .map(|_| {
                let channel = match rng.u8(..8) {
                    0 => None,
                    n @ 1..5 => Some(Channel::ordered(n)),
                    n => Some(Channel::unordered(n)),
                };
                let longest = match channel {
                    None => 1000,
                    Some(_) if rng.bool() => 200,
                    Some(_) => self.longest,
                };
                let len = rng.usize(..longest);
                Planned { at: self.during.mul_f64(rng.f64()), channel, len }
            })
            .collect();
        plan.sort_by_key(|planned| std::cmp::Reverse(planned.at));
        plan
    }
}

fn tell(ring: &Ring) -> String {
    let mut text = String::new();
    for (name, peer) in [("Ann", &ring.ann), ("Bob", &ring.bob)] {
        let stats = peer.connection.and_then(|id| peer.endpoint.stats(id));
        let snapshot = peer.connection.and_then(|id| peer.endpoint.snapshot(id));
        write!(
            text,
            "\n{name}: end {:?}, read {}, confirmed {}, {:?}\n  {}",
            peer.end,
            peer.count_read(),
            peer.confirmed.len(),
            snapshot,
            stats.unwrap_or_default()
        )
        .unwrap();
    }
    text
}
