//! Random bytes, which the caller brings.

use std::fmt;

/// A source of random bytes.
///
/// Keys are made from it, so outside of tests it must be one that nobody can foresee, such as
/// getrandom(2). In tests it is a seed, and everything can be played again.
pub trait Random: Send {
    /// Fills all of `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// The injected source, with the shapes that the state machine asks for.
pub(crate) struct Source(Box<dyn Random>);

impl Source {
    pub(crate) fn new(random: Box<dyn Random>) -> Self {
        Self(random)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }
}

/// A source that can be played again.
#[cfg(test)]
pub(crate) struct Seeded(fastrand::Rng);

#[cfg(test)]
impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }
}

#[cfg(test)]
impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
