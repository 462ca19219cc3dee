//! The folder into which files are received.
//!
//! Every file is reached from the folder's own descriptor, name by name, and no symbolic link is followed
//! on the way (`O_NOFOLLOW`): a link that somebody has put there leads no stranger's file elsewhere.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use files::Offered;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{AccessFlags, faccessat};
use proto::transfer::DropWhy;

use crate::incoming::Incoming;
use crate::trouble::Trouble;

/// A folder that files are received into.
#[derive(Debug)]
pub struct Folder {
    root: OwnedFd,
    path: PathBuf,
}

/// What is there of something that is offered.
#[derive(Debug)]
pub enum Found {
    /// A folder, which is there now; whether it was before.
    Folder {
        /// Whether it was there before.
        already: bool,
    },
    /// A file: it is to be received, or compared with what is there.
    File(Incoming),
    /// A part of the same file that somebody else is receiving, in this moment.
    Taken,
}

/// What to do where somebody else is receiving the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfTaken {
    /// Say so: he may be about to let go of it.
    Say,
    /// Begin a part of our own.
    Another,
}

impl Folder {
    /// Opens a folder that is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self { root: open(path, flags, Mode::empty())?, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails where files cannot be made in it.
    pub fn check_writable(&self) -> io::Result<()> {
        let access = AccessFlags::W_OK | AccessFlags::X_OK;
        Ok(faccessat(&self.root, ".", access, AtFlags::AT_EACCESS)?)
    }

    /// Sees what is there of `offered`, and makes the folders that lead to it.
    pub fn look(&self, offered: &Offered, if_taken: IfTaken) -> Result<Found, Trouble> {
        let mut folder = self.root.try_clone().map_err(|e| Trouble::from_io("cannot go on", &e))?;
        for name in offered.path.folders() {
            folder = enter(&folder, name)?.0;
        }
        if offered.folder {
            let (_, already) = enter(&folder, offered.path.name())?;
            return Ok(Found::Folder { already });
        }
        let incoming = Incoming::open(folder, offered, if_taken)?;
        Ok(incoming.map_or(Found::Taken, Found::File))
    }
}

/// Opens a folder in a folder, and makes it where there is none. Gives whether it was there.
fn enter(folder: &OwnedFd, name: &str) -> Result<(OwnedFd, bool), Trouble> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let cannot = |errno| Trouble::from_errno(&format!("cannot make the folder {name}"), errno);
    match openat(folder, name, flags, Mode::empty()) {
        Ok(found) => return Ok((found, true)),
        Err(Errno::ENOENT) => {}
        Err(Errno::ENOTDIR | Errno::ELOOP) => {
            let reason = format!("{name} is there, and is no folder or a symbolic link");
            return Err(Trouble::new(DropWhy::InTheWay, reason));
        }
        Err(errno) => return Err(cannot(errno)),
    }
    match mkdirat(folder, name, Mode::from_bits_truncate(0o777)) {
        // Somebody else was quicker.
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(cannot(errno)),
    }
    Ok((openat(folder, name, flags, Mode::empty()).map_err(cannot)?, false))
}
