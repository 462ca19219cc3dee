//! Who runs on which core.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Starts servers on the last core that this program may use, and keeps this program to the others.
///
/// A request and its answer wake two processes. Whether they share a core, and for how long, is the
/// scheduler's choice, and one connection is then five times as fast or as slow for as long as it lasts:
/// far more than what is to be measured. Apart, every wake-up goes from one core to another. On a machine
/// with one core nothing is changed.
pub fn apart<T>(start: impl FnOnce() -> T) -> io::Result<T> {
    let this_thread = Pid::from_raw(0);
    let all = sched_getaffinity(this_thread)?;
    let cores: Vec<usize> =
        (0..CpuSet::count()).filter(|core| all.is_set(*core).unwrap_or(false)).collect();
    let [first @ .., last] = &cores[..] else { return Ok(start()) };
    if first.is_empty() {
        return Ok(start());
    }
    // What is started is kept to where its parent is kept.
    sched_setaffinity(this_thread, &set_of(&[*last])?)?;
    let started = start();
    sched_setaffinity(this_thread, &set_of(first)?)?;
    Ok(started)
}

fn set_of(cores: &[usize]) -> io::Result<CpuSet> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(set)
}
