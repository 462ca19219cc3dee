//! Why nothing was even begun: what a command line says that cannot be done.

use std::io;
use std::path::Path;

use cli::{Exit, Failure};
use proto::sanitize;

use crate::{Folder, Source};

/// The error of a sender for whom nothing is left to send: why each that was named is left out, as far as
/// two of them.
pub fn nothing_to_send(source: &Source) -> Failure {
    let refuse = |message| Failure::new(Exit::Usage, "nothing_to_send", message);
    match &source.left_out[..] {
        [(path, trouble)] => refuse(format!("nothing to send: {path}: {}", trouble.reason)),
        left_out => {
            let none = refuse(format!("nothing to send: none of {} can be sent", left_out.len()));
            left_out.iter().take(2).fold(none, |failure, (path, trouble)| {
                failure.hint(format!("{path}: {}", trouble.reason))
            })
        }
    }
}

/// Opens the folder into which files are to be put, and sees that it can be written to: better now than
/// after the first gigabyte.
pub fn open_folder(dir: &Path) -> Result<Folder, Failure> {
    let shown = sanitize::line_of_bytes(dir.as_os_str().as_encoded_bytes());
    let failed = |error: io::Error| {
        let what = format!("cannot put files into {shown}");
        let failure = Failure::from_io(Exit::Usage, &what, &error);
        match error.kind() {
            io::ErrorKind::NotFound => failure.hint(format!("make it: mkdir -p {shown}")),
            _ => failure,
        }
    };
    let folder = Folder::open(dir).map_err(failed)?;
    folder.check_writable().map_err(failed)?;
    Ok(folder)
}
