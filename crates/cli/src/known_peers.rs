//! Is this the peer that it was last time? What is remembered of a peer's key at first use, as ssh does.
//!
//! The file has a line for each peer, `SCHEME ADDRESS KEY`: `tls example.org:7878 sha256:9f86…`.
//! It is `sockeye/known_peers` in `$XDG_CONFIG_HOME`, or in `~/.config`.

use std::env;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// The largest file that is read: 4 MiB, which is some 30,000 peers. A larger one is not ours.
pub const MAX_FILE: u64 = 4 << 20;

/// The file that remembers peers.
#[derive(Clone, Debug)]
pub struct KnownPeers {
    path: PathBuf,
}

/// What the file says of a peer's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// The peer was not known. It is from now on.
    First,
    /// It is the key of before.
    Known,
    /// Another key is remembered for this peer: somebody else answers there, or it has a new one.
    Changed {
        /// The key that is remembered.
        kept: String,
        /// The line of the file that has it, counted from 1.
        line: usize,
    },
}

impl KnownPeers {
    /// Where the user's own is. `None` without a home.
    pub fn at_home() -> Option<Self> {
        let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
        Some(Self::at(config.join("sockeye/known_peers")))
    }

    /// The file at `path`, which need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key that is remembered for `address`, for who wants to know it before he meets the peer.
    pub fn find(&self, scheme: &str, address: &str) -> io::Result<Option<String>> {
        Ok(self.look(scheme, address)?.map(|(_, key)| key))
    }

    /// The same, and before it the line of the file that has it, counted from 1.
    pub fn look(&self, scheme: &str, address: &str) -> io::Result<Option<(usize, String)>> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => Flock::lock(file?, FlockArg::LockShared).map_err(|(_, error)| error)?,
        };
        let known = read(&file)?;
        Ok(find(&known, scheme, address).map(|(line, key)| (line, key.to_owned())))
    }

    /// Holds `key` against what is remembered for `address`, and remembers it if nothing is.
    ///
    /// None of the three words may contain white space. Two programs that meet a peer at once remember
    /// one key.
    pub fn meet(&self, scheme: &str, address: &str, key: &str) -> io::Result<Meeting> {
        let is_word = |word: &&str| !word.is_empty() && !word.contains(char::is_whitespace);
        if ![scheme, address, key].iter().all(is_word) || scheme.starts_with('#') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a word"));
        }
        let (mut file, known) = self.open()?;
        if let Some((line, kept)) = find(&known, scheme, address) {
            let changed = || Meeting::Changed { kept: kept.into(), line };
            return Ok(if kept == key { Meeting::Known } else { changed() });
        }
        // A line that somebody wrote by hand may lack its end.
        let end_before = if known.is_empty() || known.ends_with('\n') { "" } else { "\n" };
        // One write: a reader never sees half of it.
        file.write_all(format!("{end_before}{scheme} {address} {key}\n").as_bytes())?;
        Ok(Meeting::First)
    }

    /// The file, locked, and what is in it.
    fn open(&self) -> io::Result<(Flock<File>, String)> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        let file = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
        let known = read(&file)?;
        Ok((file, known))
    }
}

fn read(file: &File) -> io::Result<String> {
    let mut known = String::new();
    let read = file.take(MAX_FILE + 1).read_to_string(&mut known)?;
    if read as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 MiB"));
    }
    Ok(known)
}

/// The line that has a peer, counted from 1, and the key in it.
fn find<'a>(known: &'a str, scheme: &str, address: &str) -> Option<(usize, &'a str)> {
    (1..).zip(known.lines()).find_map(|(line, text)| {
        let mut words = text.split_whitespace();
        let is_it = words.next() == Some(scheme) && words.next() == Some(address);
        is_it.then(|| (line, words.next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::{fs, process, thread};

    use super::*;

    fn fresh(name: &str) -> KnownPeers {
        let folder = env::temp_dir().join(format!("known-peers-{}-{name}", process::id()));
        _ = fs::remove_dir_all(&folder);
        KnownPeers::at(folder.join("sockeye/known_peers"))
    }

    fn clean(known: &KnownPeers) {
        fs::remove_dir_all(known.path().parent().unwrap().parent().unwrap()).unwrap();
    }

    #[test]
    fn a_peer_is_known_by_the_key_of_the_first_meeting() {
        let known = fresh("first");
        let meet = |address, key| known.meet("tls", address, key).unwrap();
        assert_eq!(known.find("tls", "a:1").unwrap(), None);
        assert_eq!(meet("a:1", "k1"), Meeting::First);
        assert_eq!(meet("a:1", "k1"), Meeting::Known);
        assert_eq!(known.find("tls", "a:1").unwrap().as_deref(), Some("k1"));
        assert_eq!(known.find("noise", "a:1").unwrap(), None);
        assert_eq!(meet("a:2", "k1"), Meeting::First);
        assert_eq!(meet("a:2", "k2"), Meeting::Changed { kept: "k1".into(), line: 2 });
        assert_eq!(known.look("tls", "a:2").unwrap(), Some((2, "k1".into())));
        // A changed one is not remembered.
        assert_eq!(meet("a:2", "k1"), Meeting::Known);
        assert_eq!(known.meet("noise", "a:2", "k2").unwrap(), Meeting::First);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(known.path()), 0o600);
        assert_eq!(mode(known.path().parent().unwrap()), 0o700);
        clean(&known);
    }

    #[test]
    fn what_a_person_wrote_into_the_file_is_read_and_left() {
        let known = fresh("hand");
        fs::create_dir_all(known.path().parent().unwrap()).unwrap();
        fs::write(known.path(), "# mine\n\n  tls  a:1   k1 # at home\nbroken").unwrap();
        assert_eq!(known.meet("tls", "a:1", "k1").unwrap(), Meeting::Known);
        assert_eq!(known.meet("tls", "b:1", "k2").unwrap(), Meeting::First);
        let text = fs::read_to_string(known.path()).unwrap();
        assert_eq!(text, "# mine\n\n  tls  a:1   k1 # at home\nbroken\ntls b:1 k2\n");
        clean(&known);
    }

    #[test]
    fn words_that_would_make_another_line_are_refused() {
        let known = fresh("words");
        for (scheme, address) in [("tls", "a:1 k"), ("tls", "a\ntls"), ("", "a:1"), ("#", "a:1")] {
            let error = known.meet(scheme, address, "k").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{scheme:?} {address:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_ours_is_not_read() {
        let known = fresh("large");
        fs::create_dir_all(known.path().parent().unwrap()).unwrap();
        File::create(known.path()).unwrap().set_len(MAX_FILE + 1).unwrap();
        let error = known.meet("tls", "a:1", "k").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        clean(&known);
    }

    #[test]
    fn programs_that_meet_a_peer_at_once_remember_one_key() {
        let known = fresh("race");
        let meetings = thread::scope(|scope| {
            let keys: Vec<String> = (0..8).map(|key| format!("k{key}")).collect();
            let known = &known;
            let meet = move |key: String| known.meet("tls", "a:1", &key).unwrap();
            let threads: Vec<_> =
                keys.into_iter().map(|key| scope.spawn(move || meet(key))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let first = meetings.iter().filter(|meeting| **meeting == Meeting::First).count();
        assert_eq!(first, 1, "{meetings:?}");
        assert_eq!(fs::read_to_string(known.path()).unwrap().lines().count(), 1);
        clean(&known);
    }
}
