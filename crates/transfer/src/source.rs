//! What is to be sent: files and folders, found first and read later.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use files::limits::{MAX_FILES, MAX_NAME};
use files::{Item, SafePath, naming};
use nix::fcntl::OFlag;
use proto::sanitize;
use proto::transfer::DropWhy;

use crate::incoming::micros;
use crate::limits::MAX_LEFT_OUT;
use crate::trouble::Trouble;

/// Everything that is to be sent, folders before what is in them, and what cannot be.
#[derive(Debug, Default)]
pub struct Source {
    /// What is to be sent.
    pub entries: Vec<Entry>,
    /// What is not sent. They are [`MAX_LEFT_OUT`] at most.
    pub left_out: Vec<LeftOut>,
    /// How many more are not sent.
    pub more_left_out: u64,
}

/// Something that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it is, safe to show.
    pub place: String,
    /// What it would be offered as, or what was asked for.
    pub path: String,
    /// Why it is not.
    pub trouble: Trouble,
}

/// A file or a folder that is to be sent.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is.
    pub place: PathBuf,
    /// What it is offered as.
    pub item: Item,
}

/// A file that is being sent.
#[derive(Debug)]
pub struct Outgoing {
    file: File,
    size: u64,
    modified: Option<i64>,
}

impl Source {
    /// Finds what is to be sent for `paths`, as a person names them: a symbolic link that is named is
    /// followed. What is in a folder is found in the order of its names.
    pub fn of_paths(paths: &[PathBuf]) -> Self {
        let mut source = Self::default();
        for path in paths {
            match named(path) {
                Ok((name, metadata)) => source.add(path, name, &metadata),
                Err(error) => {
                    let name = path.file_name().unwrap_or(path.as_os_str());
                    let trouble = Trouble::from_io("cannot be read", &error);
                    source.leave_out(path, shown(name), trouble);
                }
            }
        }
        source
    }

    /// Finds all that is in a folder, under paths that begin in it.
    pub fn of_folder(folder: &Path) -> Self {
        let mut source = Self::default();
        source.add_all_in(folder, "");
        source
    }

    /// Adds what a stranger asks for by a path in `folder`. No link leads out of it: what is behind one
    /// is not there.
    pub fn add_asked(&mut self, folder: &Path, asked: &str) {
        if let Some((place, metadata)) = asked_for(folder, asked) {
            return self.add(&place, asked.to_owned(), &metadata);
        }
        let cited: String = asked.chars().take(LONGEST_CITED).collect();
        let trouble = Trouble::new(DropWhy::NoSuchFile, format!("there is no {cited} here"));
        self.leave_out(Path::new(asked), asked.to_owned(), trouble);
    }

    /// What is said of all those that are left out and not named; none where each is.
    pub(crate) fn left_out_in_sum(&self) -> Option<Trouble> {
        let more = self.more_left_out;
        (more > 0).then(|| Trouble::new(DropWhy::Failed, format!("{more} more are left out")))
    }

    fn add(&mut self, place: &Path, path: String, metadata: &Metadata) {
        if self.entries.len() >= MAX_FILES as usize {
            let reason = format!("more than {MAX_FILES} files: send it on its own");
            return self.leave_out(place, path, Trouble::new(DropWhy::Failed, reason));
        }
        if metadata.is_dir() {
            let item = Item { path: path.clone(), size: 0, modified: None, folder: true };
            self.entries.push(Entry { place: place.to_owned(), item });
            self.add_all_in(place, &format!("{path}/"));
        } else if metadata.is_file() {
            let modified = Some(micros(metadata.mtime(), metadata.mtime_nsec()));
            let item = Item { path, size: metadata.len(), modified, folder: false };
            self.entries.push(Entry { place: place.to_owned(), item });
        } else {
            let what = if metadata.is_symlink() {
                "a symbolic link, which is not followed"
            } else {
                "neither a file nor a folder"
            };
            self.leave_out(place, path, Trouble::new(DropWhy::Failed, what));
        }
    }

    fn add_all_in(&mut self, folder: &Path, prefix: &str) {
        let names = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
        let mut names: Vec<_> = match names {
            Ok(names) => names,
            Err(error) => {
                let path = prefix.trim_end_matches('/').to_owned();
                let trouble = Trouble::from_io("what is in it cannot be read", &error);
                return self.leave_out(folder, path, trouble);
            }
        };
        names.sort();
        for name in names {
            let place = folder.join(&name);
            let Some(name) = name.to_str() else {
                let trouble = Trouble::new(DropWhy::NameBad, "its name is no text in UTF-8");
                self.leave_out(&place, format!("{prefix}{}", shown(&name)), trouble);
                continue;
            };
            // What has come in part is nobody's file yet.
            if naming::is_part(name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            match fs::symlink_metadata(&place) {
                Ok(metadata) => self.add(&place, path, &metadata),
                Err(error) => {
                    self.leave_out(&place, path, Trouble::from_io("cannot be read", &error));
                }
            }
        }
    }

    fn leave_out(&mut self, place: &Path, path: String, trouble: Trouble) {
        if self.left_out.len() >= MAX_LEFT_OUT {
            self.more_left_out += 1;
            return;
        }
        self.left_out.push(LeftOut { place: shown(place.as_os_str()), path, trouble });
    }
}

/// How many characters of a path are cited that is not there.
const LONGEST_CITED: usize = 200;

fn shown(name: &OsStr) -> String {
    sanitize::line_of_bytes(name.as_encoded_bytes()).into_owned()
}

/// Where a path leads that a stranger asks for, and what is there.
fn asked_for(folder: &Path, asked: &str) -> Option<(PathBuf, Metadata)> {
    let path = SafePath::new(asked).ok()?;
    let (mut place, mut metadata) = (folder.to_owned(), None);
    for name in path.names() {
        place.push(name);
        metadata = Some(fs::symlink_metadata(&place).ok().filter(|found| !found.is_symlink())?);
    }
    Some((place, metadata?))
}

/// The name under which something that a person names is sent.
fn named(path: &Path) -> io::Result<(String, Metadata)> {
    let metadata = fs::metadata(path)?;
    // `.` and `..` have no name of their own.
    let name = match path.file_name() {
        Some(name) => name.to_owned(),
        None => fs::canonicalize(path)?.file_name().unwrap_or_default().to_owned(),
    };
    let bad = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    let name = name.into_string().map_err(|_| bad("its name is no text in UTF-8"))?;
    match name.len() {
        0 => Err(bad("it has no name; send what is in it")),
        len if len > MAX_NAME => Err(bad("its name is too long")),
        _ => Ok((name, metadata)),
    }
}

impl Entry {
    /// Opens the file, which must be as it was found.
    pub fn open(&self) -> Result<Outgoing, Trouble> {
        // A pipe that has taken the file's place is not waited for.
        let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.place);
        let file = file.map_err(|error| Trouble::from_io("cannot be read", &error))?;
        let Item { size, modified, .. } = self.item;
        let outgoing = Outgoing { file, size, modified };
        outgoing.check()?;
        Ok(outgoing)
    }
}

impl Outgoing {
    /// Fills `into` with the bytes at `at`.
    pub fn read_at(&self, into: &mut [u8], at: u64) -> Result<(), Trouble> {
        self.file.read_exact_at(into, at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => Trouble::from_io("cannot be read", &error),
        })
    }

    /// Fails where the file is not as it was found.
    pub fn check(&self) -> Result<(), Trouble> {
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(|error| Trouble::from_io("cannot be read", &error))?;
        let modified = micros(metadata.mtime(), metadata.mtime_nsec());
        if metadata.is_file() && metadata.len() == self.size && Some(modified) == self.modified {
            return Ok(());
        }
        Err(changed())
    }
}

fn changed() -> Trouble {
    Trouble::new(DropWhy::Changed, "it changed while it was sent")
}
