//! Which clients over TLS are served, where only so many are?

use std::sync::atomic::{AtomicU64, Ordering};

use crate::drain::{Stop, Stopper, stop_pair};

/// How many connections over TLS may still come to their service.
pub(crate) struct Quota {
    left: Option<AtomicU64>,
    /// Says that none may.
    pub(crate) used_up: (Stopper, Stop),
}

impl Quota {
    pub(crate) fn new(at_most: u64) -> Self {
        Self { left: Some(AtomicU64::new(at_most)), used_up: stop_pair() }
    }

    pub(crate) fn none() -> Self {
        Self { left: None, used_up: stop_pair() }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&self) -> bool {
        let Some(left) = &self.left else { return true };
        let one_less = |left: u64| left.checked_sub(1);
        let before = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        if before == Ok(1) {
            self.used_up.0.stop();
        }
        before.is_ok()
    }
}
