//! A file while it comes, and how it gets its name.
//!
//! Nothing that is there is opened for writing but a part of our own, which a lock keeps for one receiver,
//! and a complete file gets its name by a link, which fails where the name is taken (linkat(2)).

use std::fs::{File, FileTimes};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::{Duration, SystemTime};

use files::limits::MAX_COPIES;
use files::naming::{another, part};
use files::{Block, Offered, SafePath};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{LinkatFlags, UnlinkatFlags, linkat, unlinkat};
use proto::transfer::DropWhy;

use crate::folder::IfTaken;
use crate::limits::{MAX_LOOKED_AT, MAX_PARTS};
use crate::trouble::Trouble;

/// A file that is being received.
#[derive(Debug)]
pub struct Incoming {
    offered: Offered,
    /// The folder that it is in.
    folder: OwnedFd,
    state: State,
    len: u64,
    /// Whether it has its name, or is removed.
    settled: bool,
    /// Whether something of its size was there, and is another file.
    differs: bool,
}

#[derive(Debug)]
enum State {
    /// It is there already, if the hash says so.
    Whole {
        file: File,
        path: SafePath,
    },
    Part {
        file: Flock<File>,
        name: String,
    },
}

impl Incoming {
    /// Opens what is there of a file, or its part; none where somebody else has that, and it should be said.
    pub(crate) fn open(
        folder: OwnedFd,
        offered: &Offered,
        if_taken: IfTaken,
    ) -> Result<Option<Self>, Trouble> {
        let (state, len) = match whole(&folder, offered)? {
            Some((file, path)) => (State::Whole { file, path }, offered.size),
            None => match open_part(&folder, offered, if_taken)? {
                Some(part) => part,
                None => return Ok(None),
            },
        };
        let (settled, differs) = (false, false);
        Ok(Some(Self { offered: offered.clone(), folder, state, len, settled, differs }))
    }

    /// What was offered.
    pub fn offered(&self) -> &Offered {
        &self.offered
    }

    /// How many bytes of it are there.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads what is there, to hash it.
    pub fn read_at(&self, into: &mut [u8], at: u64) -> Result<(), Trouble> {
        let read = match &self.state {
            State::Whole { file, .. } => file.read_exact_at(into, at),
            State::Part { file, .. } => file.read_exact_at(into, at),
        };
        read.map_err(|error| self.cannot("read what is there of", &error))
    }

    /// Writes a block.
    pub fn write(&mut self, block: &Block<'_>) -> Result<(), Trouble> {
        if block.restart {
            self.restart()?;
        }
        let State::Part { file, .. } = &self.state else {
            return Err(Trouble::new(DropWhy::Failed, "a file that is whole is not written to"));
        };
        let end = block.at + block.bytes.len() as u64;
        // A file with holes stays one with holes. Its length tells how much of it has come.
        let written = if block.bytes.iter().all(|&byte| byte == 0) {
            file.set_len(end)
        } else {
            file.write_all_at(block.bytes, block.at)
        };
        written.map_err(|error| self.cannot("write", &error))?;
        self.len = end;
        Ok(())
    }

    /// Begins anew: what is there is not the beginning of what comes.
    fn restart(&mut self) -> Result<(), Trouble> {
        if let State::Whole { .. } = self.state {
            // It is another file of the same size, and stays.
            let part = open_part(&self.folder, &self.offered, IfTaken::Another)?;
            let taken = || Trouble::new(DropWhy::InTheWay, "it is being received already");
            (self.state, self.len) = part.ok_or_else(taken)?;
            self.differs = true;
        }
        if let State::Part { file, .. } = &self.state
            && self.len > 0
        {
            file.set_len(0).map_err(|error| self.cannot("begin anew with", &error))?;
            self.len = 0;
        }
        Ok(())
    }

    /// Files that are there and may have the bytes of this one, which was first taken for another of them: when
    /// the same files are sent again, each finds itself so.
    pub(crate) fn twins(&self) -> impl Iterator<Item = (File, SafePath)> {
        let Self { folder, offered, .. } = self;
        let names = candidates(folder, offered).filter(|_| self.differs);
        names.filter_map(|(name, _)| {
            Some((open(folder, &name).ok()?, offered.path.with_name(&name)))
        })
    }

    /// All of it is there: brings it to the disk, so that what has its name is there also after a loss of
    /// power. [`Incoming::commit`] comes after that.
    pub fn sync(&self) -> Result<(), Trouble> {
        let State::Part { file, .. } = &self.state else { return Ok(()) };
        if let Some(modified) = self.offered.modified.and_then(time) {
            // A file system that keeps no times is no reason to refuse the file.
            let _ = file.set_times(FileTimes::new().set_modified(modified));
        }
        file.sync_data().map_err(|error| self.cannot("write", &error))
    }

    /// Gives the file its name. Gives the path that it has, and whether it had it before.
    pub fn commit(mut self) -> Result<(SafePath, bool), Trouble> {
        let path = &self.offered.path;
        let part = match &self.state {
            State::Whole { path, .. } => return Ok((path.clone(), true)),
            State::Part { name, .. } => name,
        };
        for name in names(path, MAX_COPIES) {
            match self.give_name(part, &name) {
                Ok(()) => {
                    let path = path.with_name(&name);
                    self.settled = true;
                    return Ok((path, false));
                }
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(self.cannot("name", &errno.into())),
            }
        }
        Err(Trouble::new(DropWhy::InTheWay, format!("{MAX_COPIES} files of its name are there")))
    }

    /// Gives up. What has come stays for the next time where `keep` says so.
    pub fn close(mut self, keep: bool) {
        if !keep {
            self.remove();
        }
    }

    /// Removes the part.
    fn remove(&mut self) {
        if let State::Part { name, .. } = &self.state
            && !self.settled
        {
            // It fails where the folder is gone, and the part with it.
            let _ = unlinkat(&self.folder, name.as_str(), UnlinkatFlags::NoRemoveDir);
            self.settled = true;
        }
    }

    fn give_name(&self, part: &str, name: &str) -> Result<(), Errno> {
        match linkat(&self.folder, part, &self.folder, name, LinkatFlags::empty()) {
            Ok(()) => {
                // A part that is left over has another link, and so it is seen that it is none.
                let _ = unlinkat(&self.folder, part, UnlinkatFlags::NoRemoveDir);
                Ok(())
            }
            // File systems without hard links. The name is taken first, by an empty file of ours.
            Err(
                Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK | Errno::EXDEV,
            ) => {
                let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
                openat(&self.folder, name, flags, RIGHTS)?;
                renameat(&self.folder, part, &self.folder, name)
            }
            Err(errno) => Err(errno),
        }
    }

    fn cannot(&self, what: &str, error: &io::Error) -> Trouble {
        Trouble::from_io(&format!("cannot {what} {}", self.offered.path), error)
    }
}

/// A part of which nothing has come is of no use to anybody.
impl Drop for Incoming {
    fn drop(&mut self) {
        if self.len == 0 {
            self.remove();
        }
    }
}

/// The rights of what is made: those that the umask leaves. Nothing becomes a program.
const RIGHTS: Mode = Mode::from_bits_truncate(0o666);

/// A file that may be the one that is offered: under its name, or under that with a number. One with the
/// same time is taken first.
fn whole(folder: &OwnedFd, offered: &Offered) -> Result<Option<(File, SafePath)>, Trouble> {
    let mut first = None;
    for (name, is_same) in candidates(folder, offered) {
        if is_same || first.is_none() {
            first = Some(name);
        }
        if is_same {
            break;
        }
    }
    let Some(name) = first else { return Ok(None) };
    match open(folder, &name) {
        Ok(file) => Ok(Some((file, offered.path.with_name(&name)))),
        Err(errno) => {
            let trouble = Trouble::from_errno("cannot read what is there", errno);
            // One that may not be read cannot be compared: then it is just in the way of the name.
            if trouble.is_want() { Err(trouble) } else { Ok(None) }
        }
    }
}

/// The name of a file, and so many in all with those that have a number.
fn names(path: &SafePath, count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| match number {
        0 => path.name().to_owned(),
        number => another(path.name(), number),
    })
}

/// The names of files that have the size of the one that is offered, under its name or under that with a
/// number, and whether they have its time, too.
fn candidates(folder: &OwnedFd, offered: &Offered) -> impl Iterator<Item = (String, bool)> {
    let names = names(&offered.path, MAX_LOOKED_AT);
    let there = names.map_while(|name| stat(folder, &name).map(|stat| (name, stat)));
    let of_size = there.filter(|(_, stat)| {
        is_file(stat) && u64::try_from(stat.st_size).is_ok_and(|size| size == offered.size)
    });
    of_size.map(|(name, stat)| {
        (name, offered.modified == Some(micros(stat.st_mtime, stat.st_mtime_nsec)))
    })
}

fn open(folder: &OwnedFd, name: &str) -> Result<File, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    openat(folder, name, flags, Mode::empty()).map(File::from)
}

/// Opens the part of a file, which nobody else has then. Gives how many bytes of it are there; none where
/// somebody else has it, and that should be said.
fn open_part(
    folder: &OwnedFd,
    offered: &Offered,
    if_taken: IfTaken,
) -> Result<Option<(State, u64)>, Trouble> {
    let path = &offered.path;
    let cannot = |error: &io::Error| Trouble::from_io(&format!("cannot write {path}"), error);
    let flags =
        OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    for number in 1..=MAX_PARTS {
        let name = part(path.name(), offered.size, offered.modified, number);
        let file = match openat(folder, name.as_str(), flags, RIGHTS) {
            Ok(file) => File::from(file),
            // Something that is no part of ours.
            Err(Errno::ELOOP | Errno::EISDIR | Errno::ENXIO) => continue,
            Err(errno) => return Err(cannot(&errno.into())),
        };
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            // The same file comes from somebody else, at the same time.
            Err((_, Errno::EWOULDBLOCK)) if if_taken == IfTaken::Say => return Ok(None),
            Err((_, Errno::EWOULDBLOCK)) => continue,
            Err((_, errno)) => return Err(cannot(&errno.into())),
        };
        let metadata = file.metadata().map_err(|error| cannot(&error))?;
        // Whoever had the lock before may have given the file its name since we opened it.
        let is_there = stat(folder, &name).is_some_and(|stat| {
            stat.st_ino == metadata.ino() && is_file(&stat) && stat.st_nlink == 1
        });
        if !is_there {
            continue;
        }
        let mut len = metadata.len();
        if len > offered.size {
            file.set_len(0).map_err(|error| cannot(&error))?;
            len = 0;
        }
        let incoming = State::Part { file, name };
        if let Err(trouble) = check_room(folder, offered.size - len) {
            if len == 0
                && let State::Part { name, .. } = &incoming
            {
                let _ = unlinkat(folder, name.as_str(), UnlinkatFlags::NoRemoveDir);
            }
            return Err(trouble);
        }
        return Ok(Some((incoming, len)));
    }
    let reason = format!("{path} is being received {MAX_PARTS} times already");
    Err(Trouble::new(DropWhy::InTheWay, reason))
}

/// Whether so many bytes fit. Better to say so before they have crossed.
fn check_room(folder: &OwnedFd, bytes: u64) -> Result<(), Trouble> {
    // A file system that does not say how much room it has says so when it has none.
    let Ok(stat) = fstatvfs(folder) else { return Ok(()) };
    #[allow(clippy::useless_conversion, reason = "the types differ from system to system")]
    let free = u64::from(stat.blocks_available()).saturating_mul(u64::from(stat.fragment_size()));
    if stat.blocks() > 0 && bytes > free {
        let reason = format!("no room for it: {bytes} bytes are still to come, {free} are free");
        return Err(Trouble::new(DropWhy::NoRoom, reason));
    }
    Ok(())
}

fn stat(folder: &OwnedFd, name: &str) -> Option<FileStat> {
    fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()
}

fn is_file(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

/// Microseconds since 1970, as an offer has them.
pub(crate) fn micros(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000).saturating_add(nanoseconds / 1000)
}

fn time(micros: i64) -> Option<SystemTime> {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    if micros < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) }
}
