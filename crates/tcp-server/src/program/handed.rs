//! Sockets that a service manager has opened, as systemd does for a `.socket` unit: `sd_listen_fds(3)`.

use std::env;
use std::os::fd::OwnedFd;
use std::process;

use cli::{Exit, Failure};
use listenfd::ListenFd;

use crate::limits::HANDED_OVER;
use crate::listener::Listener;

/// The first descriptor of those that are handed over (`SD_LISTEN_FDS_START`).
const FIRST: usize = 3;

/// A socket that was handed over to this process.
#[derive(Debug)]
pub struct Handed {
    /// The socket. Nobody has looked yet whether clients can connect to it.
    pub socket: OwnedFd,
    /// Its number, for messages.
    pub descriptor: usize,
    /// What it is called there: `FileDescriptorName=` of the unit, or the unit's own name.
    pub name: Option<String>,
}

impl Handed {
    /// Listens on it; see [`Listener::handed_over`].
    pub fn listen(self) -> Result<Listener, Failure> {
        Listener::handed_over(self.socket).map_err(|error| {
            let message = format!("{error} (descriptor {})", self.descriptor);
            Failure::new(Exit::Usage, "handed_over", message)
        })
    }
}

/// The sockets that were handed over to this process; the variables that say so are gone then.
///
/// | variable | says |
/// |---|---|
/// | `LISTEN_PID` | for which process they are; they are another's where it is not ours |
/// | `LISTEN_FDS` | how many, from descriptor 3 on |
/// | `LISTEN_FDNAMES` | what they are called, with colons between |
///
/// To be called before there are threads, because the environment is changed. The descriptors are taken by
/// `listenfd`, as that cannot be done without `unsafe`: nobody but the environment says that they are ours.
/// It sets `FD_CLOEXEC`.
pub fn handed_over() -> Result<Vec<Handed>, Failure> {
    let Some(count) = handed_to_us() else { return Ok(Vec::new()) };
    // The count decides how much memory is taken for it, so it is looked at first.
    if count > HANDED_OVER {
        let message = format!("{count} sockets were handed over, and {HANDED_OVER} are the limit");
        return Err(Failure::new(Exit::Usage, "handed_over", message));
    }
    let names = names_of(count, &env::var("LISTEN_FDNAMES").unwrap_or_default());
    let mut handed = ListenFd::from_env();
    let all = names.into_iter().enumerate();
    all.map(|(at, name)| {
        let descriptor = FIRST + at;
        let socket = take(&mut handed, at).ok_or_else(|| {
            let message =
                format!("what was handed over is no stream socket (descriptor {descriptor})");
            Failure::new(Exit::Usage, "handed_over", message)
                .hint("ListenStream= is what works, for TCP and for Unix sockets")
        })?;
        Ok(Handed { socket, descriptor, name })
    })
    .collect()
}

/// Takes a stream socket. `listenfd` tells the two kinds apart by their family, and says of all others only
/// that they are wrong.
fn take(handed: &mut ListenFd, at: usize) -> Option<OwnedFd> {
    if let Ok(listener) = handed.take_tcp_listener(at) {
        return listener.map(Into::into);
    }
    handed.take_unix_listener(at).ok().flatten().map(Into::into)
}

/// How many descriptors the environment says are for this process.
fn handed_to_us() -> Option<usize> {
    let pid: u32 = env::var("LISTEN_PID").ok()?.parse().ok()?;
    let count: usize = env::var("LISTEN_FDS").ok()?.parse().ok()?;
    (pid == process::id() && count > 0).then_some(count)
}

/// What `count` sockets are called. As in `sd_listen_fds_with_names(3)` names that are not as many as the
/// sockets say nothing, and "unknown" is no name.
fn names_of(count: usize, names: &str) -> Vec<Option<String>> {
    let names: Vec<&str> = names.split(':').collect();
    if names.len() != count {
        return vec![None; count];
    }
    let known = |name: &&str| !name.is_empty() && *name != "unknown";
    names.into_iter().map(|name| Some(name).filter(known).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_socket_at_the_same_place() {
        let names = |count, text| -> Vec<String> {
            names_of(count, text).into_iter().map(Option::unwrap_or_default).collect()
        };
        assert_eq!(names(2, "web:admin"), ["web", "admin"]);
        assert_eq!(names(3, "web::unknown"), ["web", "", ""]);
        assert_eq!(names(1, ""), [""]);
        assert_eq!(names(2, "web"), ["", ""]);
        assert_eq!(names(1, "web:admin"), [""]);
    }
}
