//! Why one file does not come over, for the other side and for a person.

use std::io;

use nix::errno::Errno;
use proto::transfer::DropWhy;

/// What is wrong with one file. The others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A word for a program.
    pub why: DropWhy,
    /// The same for a person.
    pub reason: String,
}

impl Trouble {
    /// A trouble in these words.
    pub fn new(why: DropWhy, reason: impl Into<String>) -> Self {
        Self { why, reason: reason.into() }
    }

    /// An error of the system, met while doing `what`.
    pub fn from_io(what: &str, error: &io::Error) -> Self {
        let why = match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EACCES | Errno::EPERM | Errno::EROFS) => DropWhy::NotAllowed,
            Some(Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG) => DropWhy::NoRoom,
            Some(Errno::ENOTDIR | Errno::ELOOP | Errno::EISDIR) => DropWhy::InTheWay,
            Some(Errno::ENAMETOOLONG | Errno::EILSEQ | Errno::EINVAL) => DropWhy::NameBad,
            _ => DropWhy::Failed,
        };
        let text = error.to_string();
        let words = text.split(" (os error").next().unwrap_or_default().to_lowercase();
        Self { why, reason: format!("{what}: {words}") }
    }

    pub(crate) fn from_errno(what: &str, errno: Errno) -> Self {
        Self::from_io(what, &errno.into())
    }
}
