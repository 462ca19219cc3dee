//! Room for as many descriptors as there may be connections.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors that are no connections: standard streams, listener, epoll, signals, a resolver's files.
const OTHERS: u64 = 64;

/// Raises the soft limit of open files as far as the `files` of connections need and the hard limit allows.
///
/// The usual soft limit of 1024 exists for programs that use select(2); with it, a limit of 1024
/// connections would be a promise that the kernel breaks.
pub fn make_room(files: usize) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let wanted = OTHERS.saturating_add(files as u64);
    if soft >= wanted {
        return;
    }
    let limit = wanted.min(hard);
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, limit, hard) {
        tracing::info!(%error, "cannot raise the limit of open files");
    }
    if limit < wanted {
        tracing::warn!(
            "at most {limit} files may be open, and as many connections as are allowed may need \
             {files}; `ulimit -n` sets it"
        );
    }
}
