//! What is a knob?

use serde::{Deserialize, Serialize};

/// A sysctl of a host, and its value: `net.ipv4.tcp_syncookies` and `0`; or a knob of the wire:
/// `wire.delay` and `200ms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knob {
    /// The name, as sysctl(8) has it.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Knob {
    /// A knob of this name, with this value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
