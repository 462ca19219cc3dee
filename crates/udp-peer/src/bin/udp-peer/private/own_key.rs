//! Our own key: a file that nobody else reads.
//!
//! It has one line of 64 hexadecimal digits, the secret half. The public half is shown by `udp-peer key`.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use arq::{Identity, PublicKey, Random as _};
use cli::{Exit, Failure};
use udp_peer::Entropy;

use crate::args::PrivateArgs;
use crate::report::Report;

/// How a key is written: the name of the curve stands before it, as `known_peers` has it.
const PREFIX: &str = "x25519:";

/// The longest file that can be one, in bytes: the digits, and a line's end of any kind.
const MAX_FILE: u64 = 66;

/// A public key in words.
pub(crate) fn in_words(key: &PublicKey) -> String {
    format!("{PREFIX}{key}")
}

/// A public key as it is written on a command line or in a file.
pub(crate) fn parse(text: &str) -> Result<PublicKey, String> {
    let digits = text.strip_prefix(PREFIX).unwrap_or(text);
    digits.parse().map_err(|_| format!("\"{text}\" is not {PREFIX} and 64 hexadecimal digits"))
}

/// Where the file is, if nobody says otherwise: beside what is remembered of others.
pub(crate) fn at_home() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("sockeye/udp-peer.key"))
}

/// Where the key is that was asked for, or ours.
pub(crate) fn path(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    asked.map(Path::to_owned).or_else(at_home).ok_or_else(|| {
        let message = "there is no place for our own key: neither XDG_CONFIG_HOME nor HOME is set";
        Failure::new(Exit::Usage, "no_home", message).hint("--identity FILE names a file for it")
    })
}

/// Reads the key, and makes one where there is none. Gives whether it was made.
pub(crate) fn load_or_make(path: &Path) -> Result<(Identity, bool), Failure> {
    match make(path) {
        Ok(identity) => Ok((identity, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            load(path).map(|identity| (identity, false))
        }
        Err(error) => Err(cannot("make", path, &error)),
    }
}

/// Makes a key; `AlreadyExists` where there is one.
pub(crate) fn make(path: &Path) -> io::Result<Identity> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let identity = Identity::generate(&mut Entropy::default());
    // Whole under its name or not there at all, also where two programs make one at once: the second link
    // fails.
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    let written = write(&unfinished, &identity).and_then(|()| fs::hard_link(&unfinished, path));
    let _ = fs::remove_file(&unfinished);
    written.map(|()| identity)
}

fn write(path: &Path, identity: &Identity) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // The secret half has the length of a public one, and is written like it.
    let digits = PublicKey::from_bytes(*identity.secret()).to_string();
    file.write_all(digits.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Reads the key.
pub(crate) fn load(path: &Path) -> Result<Identity, Failure> {
    let file = File::open(path).map_err(|error| cannot("read", path, &error))?;
    let metadata = file.metadata().map_err(|error| cannot("read", path, &error))?;
    let shown = path.display();
    if metadata.mode() & 0o077 != 0 {
        let message = format!("our key in {shown} can be read by others, so it may be known");
        return Err(Failure::new(Exit::Usage, "key_not_private", message)
            .hint(format!("if nobody has read it: chmod 600 {shown}")));
    }
    let mut text = String::new();
    let read = (&file).take(MAX_FILE + 1).read_to_string(&mut text);
    let is_text = match read {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => false,
        Err(error) => return Err(cannot("read", path, &error)),
    };
    match text.trim_end().parse::<PublicKey>() {
        Ok(secret) if is_text => Ok(Identity::from_secret(secret.as_bytes())),
        _ => {
            let message = format!("{shown} is not a key: one has 64 hexadecimal digits");
            let failure = Failure::new(Exit::Usage, "not_a_key", message);
            Err(failure.hint("move it away, and a new key is made; peers will not know it"))
        }
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::from_io(Exit::Usage, &format!("cannot {what} our key in {}", path.display()), error)
        .hint("--identity FILE names another file")
}

/// The key that was asked for, made where there is none.
pub(crate) fn of(args: &PrivateArgs, report: &Report) -> Result<Identity, Failure> {
    let path = path(args.identity.as_deref())?;
    let (identity, is_new) = load_or_make(&path)?;
    if is_new {
        report.made_key(&path, &identity.public());
    }
    Ok(identity)
}

/// A number of chance.
pub(crate) fn chance() -> u64 {
    let mut bytes = [0; 8];
    Entropy::default().fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
