//! Sockets that a service manager has opened, as systemd does for a `.socket` unit: `sd_listen_fds(3)`.

use std::env;
use std::os::fd::OwnedFd;
use std::process;

use cli::{Exit, Failure};
use listenfd::ListenFd;

/// The socket that was handed over to this process, if one was; the variables that say so are gone then.
///
/// | variable | says |
/// |---|---|
/// | `LISTEN_PID` | for which process they are; they are another's where it is not ours |
/// | `LISTEN_FDS` | how many, from descriptor 3 on |
///
/// To be called before there are threads, because the environment is changed. The descriptors are taken by
/// `listenfd`, as that cannot be done without `unsafe`: nobody but the environment says that they are ours.
/// It sets `FD_CLOEXEC`. What is taken is to be given to [`crate::Listener::handed_over`].
pub fn handed_over() -> Result<Option<OwnedFd>, Failure> {
    let Some(count) = handed_to_us() else { return Ok(None) };
    let refused = |why: String| Failure::new(Exit::Usage, "handed_over", why);
    // The count decides how much memory is taken for it, so it is looked at first.
    let 1 = count else {
        let message = format!("{count} sockets were handed over, and one is served");
        return Err(refused(message).hint("a .socket unit with one ListenStream= for each server"));
    };
    let mut handed = ListenFd::from_env();
    // It tells the two apart by their family, and says of all others only that they are wrong.
    if let Ok(listener) = handed.take_tcp_listener(0) {
        return Ok(listener.map(Into::into));
    }
    match handed.take_unix_listener(0) {
        Ok(listener) => Ok(listener.map(Into::into)),
        Err(_) => Err(refused("what was handed over is no stream socket (descriptor 3)".into())
            .hint("ListenStream= is what works, for TCP and for Unix sockets")),
    }
}

/// How many descriptors the environment says are for this process.
fn handed_to_us() -> Option<usize> {
    let pid: u32 = env::var("LISTEN_PID").ok()?.parse().ok()?;
    let count: usize = env::var("LISTEN_FDS").ok()?.parse().ok()?;
    (pid == process::id() && count > 0).then_some(count)
}
