//! A certificate that a server makes for itself at its first start, and keeps.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use crate::identity::{Identity, IdentityError};
use crate::limits::SELF_SIGNED_UNTIL;

/// Where the user's own is: `sockeye/tls.pem` in `$XDG_STATE_HOME`, or in `~/.local/state`. `None` without
/// a home.
pub fn at_home() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("sockeye/tls.pem"))
}

/// The certificate of a file, which is made where it is missing. The flag says whether it was.
///
/// The file holds the key too, and is nobody else's to read (0600), in a folder that is nobody else's
/// (0700). One that others can read is refused: whoever has read it can pretend to be this server.
pub fn load_or_make(path: &Path) -> Result<(Identity, bool), IdentityError> {
    let made = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
        Err(source) => {
            return Err(IdentityError::File { operation: "read", path: path.into(), source });
        }
        Ok(metadata) if metadata.mode() & 0o077 != 0 => {
            let why = format!("others may read the key in it; chmod 600 {}", path.display());
            return Err(IdentityError::Unusable { path: path.into(), why });
        }
        Ok(_) => false,
    };
    Ok((Identity::load(path, path)?, made))
}

/// Makes the file, unless another server that starts at the same moment was quicker.
fn make(path: &Path) -> Result<bool, IdentityError> {
    let failed = |source| IdentityError::File { operation: "make", path: path.into(), source };
    let pem = sign().map_err(|error| failed(io::Error::other(error)))?;
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    // Whole or not at all: it gets its name when all of it is on the disk.
    let draft = path.with_extension(format!("{}.new", process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// A certificate and its key (ECDSA on P-256, which every TLS has), in PEM.
///
/// Its names are those of this machine alone. Who connects under another one trusts the fingerprint.
fn sign() -> Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "sockeye, signed by itself");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(SELF_SIGNED_UNTIL, 1, 1);
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}
