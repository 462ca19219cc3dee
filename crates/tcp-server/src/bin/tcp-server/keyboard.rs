//! The keyboard of the person at the server, where standard input is a terminal.
//!
//! What is typed waits in the kernel: a line without its end cannot even be seen there (`n_tty`
//! keeps it until Enter), so that what was begun for one client would be sent, with its end, to the next one.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};
use nix::unistd::{getpgrp, tcgetpgrp};

/// Whether a person types, and no program through a pipe.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// Waits until something can be read: in the usual mode of a terminal a whole line.
pub(crate) fn wait() {
    // A terminal that cannot be waited for is told of by the read that follows.
    while is_readable(PollTimeout::NONE) == Err(Errno::EINTR) {}
}

/// Whether something can be read, so that a read does not wait: a whole line, or the end.
pub(crate) fn has_line() -> io::Result<bool> {
    Ok(is_readable(PollTimeout::ZERO)?)
}

/// Throws away what was typed and not read; whether there was a whole line among it.
pub(crate) fn throw_away() -> bool {
    let stdin = io::stdin();
    // Whoever is in the background has not been typed for, and would be stopped for the attempt (SIGTTOU).
    if tcgetpgrp(&stdin).is_ok_and(|group| group != getpgrp()) {
        return false;
    }
    let was_line = is_readable(PollTimeout::ZERO) == Ok(true);
    // It fails for a terminal that is gone, which nobody types at any more.
    let _ = tcflush(&stdin, FlushArg::TCIFLUSH);
    was_line
}

fn is_readable(timeout: PollTimeout) -> Result<bool, Errno> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, timeout)? > 0 && fds[0].any() == Some(true))
}
