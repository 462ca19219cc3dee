//! Where do random bytes come from?

use arq::Random;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The random bytes of the system: getrandom(2).
#[derive(Debug)]
pub struct Entropy(SystemRandom);

impl Default for Entropy {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Random for Entropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        // It fails on a system without any source, on which no secret could be kept anyway.
        self.0.fill(bytes).expect("the system has random bytes");
    }
}
