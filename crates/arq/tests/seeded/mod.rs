//! An endpoint that can be played again.

use arq::{Config, Endpoint, Identity, Random, Time};
use fastrand::Rng;

struct Seeded(Rng);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// An endpoint whose key, too, is of this seed.
pub(crate) fn endpoint(seed: u64) -> Endpoint {
    let mut random = Seeded(Rng::with_seed(seed));
    let identity = Identity::generate(&mut random);
    Endpoint::new(Time::ZERO, identity, Config::default(), Box::new(random))
}
