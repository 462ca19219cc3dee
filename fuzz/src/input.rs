//! The bytes of the fuzzer as a script: numbers and pieces, as many as there are.

use std::time::Duration;

use arq::Random;

/// What is left of the bytes.
#[derive(Debug)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte; 0 at the end.
    pub(crate) fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// The next two bytes; zeros where there are none.
    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// As many milliseconds as the next two bytes say, but mostly few: a script that only waits tests
    /// nothing.
    pub(crate) fn wait(&mut self) -> Duration {
        let millis = u64::from(self.u16());
        Duration::from_millis(if millis < 0xfff0 { millis % 256 } else { millis })
    }

    /// So many bytes, or what is left.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }
}

/// The same "random" bytes in each run.
pub(crate) struct Seeded(fastrand::Rng);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }
}

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
