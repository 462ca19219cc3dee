//! How much of the lab this machine lets a process have.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What a run could use. It is printed with every report, because what a level cannot show is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Level {
    /// Namespaces inside a user namespace: no root needed, everything works.
    L0,
    /// Namespaces as root, or with the capabilities of root: everything works.
    L1,
    /// No namespaces: the loopback of this machine, no recording, no rules, counters of all programs.
    L2,
}

impl Level {
    /// Whether hosts have network namespaces of their own, and so a wire between them.
    pub const fn has_namespaces(self) -> bool {
        matches!(self, Self::L0 | Self::L1)
    }

    /// The level in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::L0 => "private namespaces, no root",
            Self::L1 => "private namespaces, as root",
            Self::L2 => "loopback only: no recording, no faults, counters of the whole machine",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L0 => "L0",
            Self::L1 => "L1",
            Self::L2 => "L2",
        })
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "L0" => Ok(Self::L0),
            "L1" => Ok(Self::L1),
            "L2" => Ok(Self::L2),
            _ => Err(format!("\"{text}\" is not a level: write L0, L1 or L2")),
        }
    }
}
