//! Why nothing was even begun: what a command line says that cannot be done.

use std::io;
use std::path::Path;

use cli::{Exit, Failure};
use proto::sanitize;

use crate::source::LeftOut;
use crate::{Folder, Source};

/// The error of a sender for whom nothing is left to send: why each that was named is left out, as far as
/// two of them.
pub fn nothing_to_send(source: &Source) -> Failure {
    let refuse = |message| Failure::new(Exit::Usage, "nothing_to_send", message);
    match &source.left_out[..] {
        [LeftOut { place, trouble, .. }] => {
            refuse(format!("nothing to send: {place}: {}", trouble.reason))
        }
        left_out => {
            let all = left_out.len() as u64 + source.more_left_out;
            let none = refuse(format!("nothing to send: none of {all} can be sent"));
            left_out.iter().take(2).fold(none, |failure, LeftOut { place, trouble, .. }| {
                failure.hint(format!("{place}: {}", trouble.reason))
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
