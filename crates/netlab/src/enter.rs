//! Into the namespaces, first thing in `main`.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getegid, geteuid, pipe};

use crate::level::Level;
use crate::refusal::{Refusal, Step};

/// How long the inner process may take for its last word after a signal: 5 s, for machines that are busy.
pub const LAST_WORD: Duration = Duration::from_secs(5);

/// Takes the calling process into a user namespace and a PID namespace of its own, and returns in the
/// first process of the latter.
///
/// Call it first thing in `main`, before any thread: the kernel refuses `CLONE_NEWUSER` to a process
/// with threads (`user_namespaces(7)`), and a PID namespace begins with the next child.
/// The calling process stays outside, waits, and ends as the inner one does; it does not return.
///
/// SIGINT and SIGTERM go on to the inner process, which may say a last word: the kernel keeps from the
/// first process of a PID namespace every signal that it does not handle. SIGHUP, which a terminal sends when
/// it is closed, goes on as SIGTERM. One that has not ended [`LAST_WORD`] later is killed, and at a second
/// signal at once.
///
/// Nothing outlives the lab, even one that is killed with SIGKILL: when the outer process dies, the
/// kernel kills the inner one (`PR_SET_PDEATHSIG`), and when the first process of a PID namespace dies,
/// the kernel kills every other in it (`pid_namespaces(7)`), whatever those have started in turn.
///
/// Root needs no user namespace. Without namespaces the error says which step was refused; the lab can
/// then only run at [`Level::L2`].
pub fn enter() -> Result<Level, Refusal> {
    enter_holding_signals().map(|(level, _)| level)
}

/// The same; what comes of SIGINT, SIGTERM and SIGHUP waits until the second value is dropped.
///
/// For a caller who handles them: one that came before the handler is there would be lost, as it is for the
/// first process of a PID namespace.
pub fn enter_holding_signals() -> Result<(Level, HeldSignals), Refusal> {
    let level = unshare_user_and_pid()?;
    let held = become_first_process()?;
    // The hosts' threads will each do this; one that does it now and ends shows whether they may.
    thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET))
        .join()
        .expect("unshare does not panic")
        .map_err(|errno| Refusal::new(Step::NetNamespace, errno))?;
    Ok((level, held))
}

/// Signals that are held back from this thread, and from those that it starts meanwhile. Programs that it
/// starts have none held back (`std::process` lets them begin so).
#[derive(Debug)]
#[must_use]
pub struct HeldSignals {
    before: SigSet,
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        // It cannot fail: the mask is one that the thread had.
        let _ = self.before.thread_set_mask();
    }
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
fn become_first_process() -> Result<HeldSignals, Refusal> {
    let refused = |errno: Errno| Refusal::new(Step::Fork, errno);
    let (parent_lives, held_by_parent) = pipe().map_err(refused)?;
    // From before the fork, so that no signal finds a parent that would die of it.
    let before = of_the_parent().thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(refused)?;
    // Where the fork is refused the lab goes on without namespaces, and with the signals of any program.
    let held = HeldSignals { before };
    // SAFETY: the process has one thread, as `unshare(CLONE_NEWUSER)` would have failed otherwise and
    // the caller promises for root, so no lock is left taken in the child.
    #[expect(unsafe_code, reason = "fork has no safe wrapper")]
    let forked = unsafe { fork() };
    match forked.map_err(refused)? {
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
            Ok(held)
        }
    }
}

/// The signals that the outer process takes as news instead of dying of them.
fn of_the_parent() -> SigSet {
    SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD])
}

/// The signal that the inner process gets for one that came to the outer one.
fn passed_on(signal: Signal) -> Signal {
    if signal == Signal::SIGHUP { Signal::SIGTERM } else { signal }
}

/// Waits for the child and ends with its exit code, or with what a shell would say of its signal.
fn end_as(child: Pid) -> ! {
    // It fails where no file can be opened any more; then nothing is passed on, and all goes on.
    let signals = SignalFd::with_flags(&of_the_parent(), SfdFlags::SFD_CLOEXEC).ok();
    let mut asked: Option<(Signal, Instant)> = None;
    let kill_it = || {
        // It fails where the child has just ended, which the next look finds.
        let _ = kill(child, Signal::SIGKILL);
    };
    loop {
        // Without the file of signals there is nothing to wait on but the child.
        let flag = signals.as_ref().map(|_| WaitPidFlag::WNOHANG);
        let ended = waitpid(child, flag);
        if asked.is_none() && matches!(ended, Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)))
        {
            // A terminal sends its signal to both, and the child may have ended of it first.
            asked = signals.as_ref().and_then(waiting).map(|signal| (signal, Instant::now()));
        }
        match ended {
            Ok(WaitStatus::Exited(_, code)) => match asked {
                Some((signal, _)) if code == 128 + passed_on(signal) as i32 => die_by(signal),
                _ => process::exit(code),
            },
            Ok(WaitStatus::Signaled(_, signal, _)) => match asked {
                Some((signal, _)) => die_by(signal),
                None => process::exit(128 + signal as i32),
            },
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => unreachable!("waiting for one's own child: {}", io::Error::from(errno)),
        }
        let Some(signals) = &signals else { continue };
        match next_signal(signals, asked.map(|(_, at)| at + LAST_WORD)) {
            Some(Signal::SIGCHLD) => {}
            Some(signal) if asked.is_none() => {
                asked = Some((signal, Instant::now()));
                let _ = kill(child, passed_on(signal));
            }
            Some(_) => kill_it(),
            // The last word takes too long; else it was an interruption.
            None if asked.is_some_and(|(_, at)| at.elapsed() >= LAST_WORD) => kill_it(),
            None => {}
        }
    }
}

/// A signal that has come already, apart from the child's end.
fn waiting(signals: &SignalFd) -> Option<Signal> {
    std::iter::from_fn(|| next_signal(signals, Some(Instant::now())))
        .find(|signal| *signal != Signal::SIGCHLD)
}

/// The next signal; `None` where none has come until the deadline, or something interrupted the wait.
fn next_signal(signals: &SignalFd, deadline: Option<Instant>) -> Option<Signal> {
    let limit = deadline.map(|at| at.saturating_duration_since(Instant::now()));
    // At least a millisecond: after the deadline this is asked again until the child is gone.
    let limit = limit.map(|limit| limit.as_millis().clamp(1, i32::MAX as u128));
    let limit = limit.and_then(|millis| PollTimeout::try_from(millis).ok());
    let mut ends = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    poll(&mut ends, limit.unwrap_or(PollTimeout::NONE)).ok().filter(|ready| *ready > 0)?;
    let told = signals.read_signal().ok()??;
    Signal::try_from(i32::try_from(told.ssi_signo).ok()?).ok()
}

/// Ends the outer process as the signal would have, so that a shell sees what happened.
fn die_by(signal: Signal) -> ! {
    let _ = SigSet::from(signal).thread_unblock();
    let _ = raise(signal);
    // Not reached unless whoever started this process has had the signal ignored.
    process::exit(128 + signal as i32)
}
