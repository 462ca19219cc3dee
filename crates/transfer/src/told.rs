//! What is told of a transfer while it goes on, and how it ends.

use std::fmt;

use proto::transfer::DropWhy;
use proto::{Ending, Goodbye, Refused};

/// Who is told what becomes of a transfer. It is called between two blocks, so it should be quick.
pub trait Watch {
    /// Something has happened.
    fn told(&mut self, told: Told<'_>);
}

/// Nobody is told anything.
impl Watch for () {
    fn told(&mut self, _: Told<'_>) {}
}

/// What has happened. Paths and reasons may be a stranger's words: make them safe before they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told<'a> {
    /// So much is going to be offered.
    Batch {
        /// How many files and folders.
        files: u64,
        /// How many bytes they have.
        bytes: u64,
    },
    /// A file begins.
    Begun {
        /// Its path.
        path: &'a str,
        /// How many bytes it has.
        size: u64,
        /// How many of them the receiver has, if the hash says so.
        from: u64,
    },
    /// What is there is hashed.
    Hashed {
        /// The file's path.
        path: &'a str,
        /// How many bytes are hashed.
        done: u64,
        /// How many are there.
        of: u64,
    },
    /// A block has crossed.
    Block {
        /// The file's path.
        path: &'a str,
        /// How many bytes it has.
        bytes: u64,
    },
    /// What the receiver has is not the beginning of the file, and all of it crosses.
    Anew {
        /// The file's path.
        path: &'a str,
        /// How many bytes were there.
        from: u64,
    },
    /// A file or a folder is there.
    Kept {
        /// Its path at the sender.
        path: &'a str,
        /// Its path at the receiver.
        kept_as: &'a str,
        /// How many bytes it has.
        size: u64,
        /// Whether it is a folder.
        folder: bool,
        /// Whether it was there before.
        already: bool,
    },
    /// A file does not come over.
    Dropped {
        /// Its path; empty where it stands for several.
        path: &'a str,
        /// How many bytes it would have had.
        size: u64,
        /// Why.
        why: DropWhy,
        /// The same in words.
        reason: &'a str,
    },
}

/// How a transfer ended before it was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// How the connection ended.
    pub ending: Ending,
    /// What the peer said before.
    pub goodbye: Option<Goodbye>,
}

impl Broken {
    /// The peer does not do what was asked.
    pub(crate) fn refused(refused: Refused) -> Self {
        Goodbye { ending: REFUSED.to_owned(), reason: refused.reason }.into()
    }

    /// Whether another attempt may be better.
    pub fn may_pass(&self) -> bool {
        let said = self.goodbye.as_ref().map_or("", |goodbye| &goodbye.ending);
        let is_final = match &self.ending {
            Ending::Protocol(_) => true,
            Ending::Tls(fault) => !fault.may_pass(),
            _ => false,
        };
        !is_final && said != REFUSED && said != "Protocol"
    }
}

/// Stands for the name of an ending where the peer has refused.
const REFUSED: &str = "Refused";

impl From<Ending> for Broken {
    fn from(ending: Ending) -> Self {
        Self { ending, goodbye: None }
    }
}

impl From<Goodbye> for Broken {
    fn from(goodbye: Goodbye) -> Self {
        Self { ending: Ending::PeerFin, goodbye: Some(goodbye) }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.goodbye {
            Some(goodbye) if !goodbye.reason.is_empty() => f.write_str(&goodbye.reason),
            _ => self.ending.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::TlsFault;

    use super::*;

    #[test]
    fn what_is_refused_is_not_tried_again_and_what_is_cut_off_is() {
        let alert = || "it wants a certificate".to_owned();
        for (fault, may_pass) in [
            (TlsFault::Refused { alert: alert() }, false),
            (TlsFault::Disagreement { why: alert() }, false),
            (TlsFault::Certificate { why: alert() }, false),
            (TlsFault::NotTls, false),
            (TlsFault::Truncated, true),
            (TlsFault::LeftEarly, true),
            (TlsFault::Stalled { limit: Duration::ZERO }, true),
        ] {
            assert_eq!(Broken::from(Ending::Tls(fault.clone())).may_pass(), may_pass, "{fault}");
        }
        assert!(Broken::from(Ending::PeerReset).may_pass());
    }
}
