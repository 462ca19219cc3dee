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
    /// Whether it is for want of a descriptor, of which there are more when another file is closed.
    is_want: bool,
}

impl Trouble {
    /// A trouble in these words.
    pub fn new(why: DropWhy, reason: impl Into<String>) -> Self {
        Self { why, reason: reason.into(), is_want: false }
    }

    /// An error of the system, met while doing `what`.
    pub fn from_io(what: &str, error: &io::Error) -> Self {
        let errno = error.raw_os_error().map(Errno::from_raw);
        let why = match errno {
            Some(Errno::EACCES | Errno::EPERM | Errno::EROFS) => DropWhy::NotAllowed,
            Some(Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG) => DropWhy::NoRoom,
            Some(Errno::ENOTDIR | Errno::ELOOP | Errno::EISDIR) => DropWhy::InTheWay,
            Some(Errno::ENAMETOOLONG | Errno::EILSEQ | Errno::EINVAL) => DropWhy::NameBad,
            _ => DropWhy::Failed,
        };
        let text = error.to_string();
        let words = text.split(" (os error").next().unwrap_or_default().to_lowercase();
        // Nothing is wrong with the file or its folder.
        let is_want = matches!(errno, Some(Errno::EMFILE | Errno::ENFILE));
        let what = if is_want { "no file can be opened" } else { what };
        Self { why, reason: format!("{what}: {words}"), is_want }
    }

    /// Whether it is over when another file is closed.
    pub(crate) fn is_want(&self) -> bool {
        self.is_want
    }

    pub(crate) fn from_errno(what: &str, errno: Errno) -> Self {
        Self::from_io(what, &errno.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_descriptor_is_left_nothing_is_wrong_with_the_file() {
        for (errno, is_want) in [(Errno::EMFILE, true), (Errno::ENFILE, true), (Errno::EIO, false)]
        {
            let trouble = Trouble::from_errno("cannot make the folder many", errno);
            assert_eq!(trouble.is_want(), is_want);
            assert_eq!(trouble.reason.contains("many:"), !is_want, "{}", trouble.reason);
        }
        let trouble = Trouble::from_errno("cannot make the folder many", Errno::EMFILE);
        assert_eq!(trouble.reason, "no file can be opened: too many open files");
    }
}
