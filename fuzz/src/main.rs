//! The program that `cargo xtask fuzz` builds: libFuzzer, with the target that the environment names.

#![no_main]

use std::sync::OnceLock;

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    TARGET.get_or_init(chosen)(data);
});

fn chosen() -> Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let known = TARGETS.iter().find(|(target, _)| *target == name);
    let names = || TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    known.unwrap_or_else(|| panic!("FUZZ_TARGET is {name:?}, none of {}", names())).1
}
