//! Standard output, when the reader has gone.

use std::io;
use std::process;

use crate::exit::Exit;
use crate::failure::Failure;

/// What was tried, where standard output cannot be written.
pub const CANNOT_WRITE: &str = "cannot write to standard output";

/// Ends the program where standard output cannot be written.
///
/// A reader that has gone (`| head -c1`) has what it wanted: the program ends quietly with 0. SIGPIPE
/// stays ignored, as Rust sets it, because its default would end a program in the middle of a write to
/// a socket. Any other error, such as a full disk, is told and ends with 1.
pub fn or_exit(result: io::Result<()>) {
    match result {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            process::exit(Exit::Ok.code().into())
        }
        Err(error) => {
            Failure::from_io(Exit::Failed, CANNOT_WRITE, &error).print();
            process::exit(Exit::Failed.code().into())
        }
    }
}
