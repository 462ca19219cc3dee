use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// The runtime in which a program serves: tokio's own choice of threads, but for a single processor.
///
/// There the tasks stay on the thread that listens. To share them out costs a request some hundred
/// instructions, and there is nobody to share them with.
pub fn runtime() -> io::Result<Runtime> {
    if available_parallelism().is_ok_and(|processors| processors == NonZero::<usize>::MIN) {
        return Builder::new_current_thread().enable_all().build();
    }
    Runtime::new()
}
