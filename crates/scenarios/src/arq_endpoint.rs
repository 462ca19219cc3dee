//! What makes packets of `arq` that are as good as any, without a socket?

use arq::{Config, Endpoint, Identity, Random, Time};

/// An endpoint whose secret is this byte, 32 times. The same seed makes the same packets.
pub(crate) fn arq_endpoint(secret: u8, seed: u64) -> Endpoint {
    let identity = Identity::from_secret(&[secret; 32]);
    Endpoint::new(Time::ZERO, identity, Config::default(), Box::new(Dice(seed)))
}

/// Random bytes that need not be secret.
struct Dice(u64);

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            // Knuth's MMIX; its high bits are the good ones.
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
    }
}
