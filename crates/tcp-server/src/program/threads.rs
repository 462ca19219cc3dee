use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// The runtime in which a program serves: a thread for each processor that it may run on.
///
/// On a single one the tasks stay on the thread that listens. To share them out costs a request some hundred
/// instructions, and there is nobody to share them with.
pub fn runtime() -> io::Result<Runtime> {
    match available_parallelism().map_or(1, NonZero::get) {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}
