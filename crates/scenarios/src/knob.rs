//! What is a knob?

/// A sysctl of a host, and its value: `net.ipv4.tcp_syncookies` and `0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knob {
    /// The name as sysctl(8) has it.
    pub name: String,
    /// The value.
    pub value: String,
}
