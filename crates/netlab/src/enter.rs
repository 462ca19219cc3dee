//! Into the namespaces, first thing in `main`.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::process;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getegid, geteuid, pipe};

use crate::level::Level;
use crate::refusal::{Refusal, Step};

/// Takes the calling process into a user namespace and a PID namespace of its own, and returns in the
/// first process of the latter.
///
/// Call it first thing in `main`, before any thread: the kernel refuses `CLONE_NEWUSER` to a process
/// with threads (`user_namespaces(7)`), and a PID namespace begins with the next child.
/// The calling process stays outside, waits, and ends as the inner one does; it does not return.
///
/// Nothing outlives the lab, even one that is killed with SIGKILL: when the outer process dies, the
/// kernel kills the inner one (`PR_SET_PDEATHSIG`), and when the first process of a PID namespace dies,
/// the kernel kills every other in it (`pid_namespaces(7)`), whatever those have started in turn.
///
/// Root needs no user namespace. Without namespaces the error says which step was refused; the lab can
/// then only run at [`Level::L2`].
pub fn enter() -> Result<Level, Refusal> {
    let level = unshare_user_and_pid()?;
    become_first_process()?;
    // The hosts' threads will each do this; one that does it now and ends shows whether they may.
    thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET))
        .join()
        .expect("unshare does not panic")
        .map_err(|errno| Refusal::new(Step::NetNamespace, errno))?;
    Ok(level)
}

fn unshare_user_and_pid() -> Result<Level, Refusal> {
    let (uid, gid) = (geteuid(), getegid());
    if uid.is_root() {
        match unshare(CloneFlags::CLONE_NEWPID) {
            Ok(()) => return Ok(Level::L1),
            // Root of a container without CAP_SYS_ADMIN is as anyone else.
            Err(Errno::EPERM) => {}
            Err(errno) => return Err(Refusal::new(Step::PidNamespace, errno)),
        }
    }
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|e| Refusal::new(Step::UserNamespace, e))?;
    // Without this the kernel lets nobody but root write the map of groups (user_namespaces(7)).
    write(Step::SetGroups, "/proc/self/setgroups", "deny")?;
    write(Step::UidMap, "/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write(Step::GidMap, "/proc/self/gid_map", &format!("0 {gid} 1"))?;
    unshare(CloneFlags::CLONE_NEWPID).map_err(|e| Refusal::new(Step::PidNamespace, e))?;
    Ok(Level::L0)
}

fn write(step: Step, path: &str, text: &str) -> Result<(), Refusal> {
    fs::write(path, text).map_err(|error| Refusal::new(step, error))
}

/// Forks; the parent waits for the child and ends as it did, the child returns.
fn become_first_process() -> Result<(), Refusal> {
    let refused = |errno: Errno| Refusal::new(Step::Fork, errno);
    let (parent_lives, held_by_parent) = pipe().map_err(refused)?;
    // SAFETY: the process has one thread, as `unshare(CLONE_NEWUSER)` would have failed otherwise and
    // the caller promises for root, so no lock is left taken in the child.
    #[expect(unsafe_code, reason = "fork has no safe wrapper")]
    let forked = unsafe { fork() }.map_err(refused)?;
    match forked {
        ForkResult::Parent { child } => {
            drop(parent_lives);
            end_as(child)
        }
        ForkResult::Child => {
            drop(held_by_parent);
            prctl::set_pdeathsig(Signal::SIGKILL).map_err(refused)?;
            // A parent that died before the line above will send no signal; its end of the pipe tells.
            let mut ends = [PollFd::new(parent_lives.as_fd(), PollFlags::empty())];
            if poll(&mut ends, PollTimeout::ZERO).map_err(refused)? > 0 {
                process::exit(1);
            }
            Ok(())
        }
    }
}

/// Waits for the child and ends with its exit code, or with what a shell would say of its signal.
fn end_as(child: Pid) -> ! {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => process::exit(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => process::exit(128 + signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => unreachable!("waiting for one's own child: {}", io::Error::from(errno)),
        }
    }
}
