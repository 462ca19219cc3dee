//! Who runs on which core.

use std::io;

use cli::{Exit, Failure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Keeps this thread away from a core until it is dropped.
#[derive(Debug)]
#[must_use = "dropped, it lets this thread run everywhere again"]
pub struct Apart {
    before: CpuSet,
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It worked the other way round.
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}

/// Starts servers on the last core that this program may use, and keeps this program to the others.
///
/// A request and its answer wake two processes. Whether they share a core, and for how long, is the
/// scheduler's choice, and one connection is then five times as fast or as slow for as long as it lasts:
/// far more than what is to be measured. Apart, every wake-up goes from one core to another. On a machine
/// with one core nothing is changed.
pub fn apart<T>(start: impl FnOnce() -> T) -> io::Result<(T, Apart)> {
    let this_thread = Pid::from_raw(0);
    let before = sched_getaffinity(this_thread)?;
    let apart = Apart { before };
    let cores: Vec<usize> =
        (0..CpuSet::count()).filter(|core| before.is_set(*core).unwrap_or(false)).collect();
    let [first @ .., last] = &cores[..] else { return Ok((start(), apart)) };
    if first.is_empty() {
        return Ok((start(), apart));
    }
    // What is started is kept to where its parent is kept.
    sched_setaffinity(this_thread, &set_of(&[*last])?)?;
    let started = start();
    sched_setaffinity(this_thread, &set_of(first)?)?;
    Ok((started, apart))
}

/// Runs `measure` on the cores of the process `process`, and then where it was before.
///
/// Where one request is under way at a time, each side sleeps while the other works. Apart, that is two
/// wake-ups of a sleeping core for each request: 50 µs in a virtual machine, whose cores are given away
/// when they sleep, for two or three of work. Together the core never sleeps, and the work is what is
/// measured.
pub fn beside<T>(process: u32, measure: impl FnOnce() -> T) -> io::Result<T> {
    let this_thread = Pid::from_raw(0);
    let before = sched_getaffinity(this_thread)?;
    let process =
        Pid::from_raw(i32::try_from(process).expect("the kernel's numbers are below 2^22"));
    sched_setaffinity(this_thread, &sched_getaffinity(process)?)?;
    let measured = measure();
    sched_setaffinity(this_thread, &before)?;
    Ok(measured)
}

/// For `map_err`: the system does not let us choose.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub fn failure(error: io::Error) -> Failure {
    Failure::from_io(Exit::Failed, "cannot keep servers and load generator to their cores", &error)
}

fn set_of(cores: &[usize]) -> io::Result<CpuSet> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use std::process;
    use std::thread;

    use super::*;

    fn cores_of(thread: Pid) -> Vec<usize> {
        let set = sched_getaffinity(thread).unwrap();
        (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap()).collect()
    }

    #[test]
    fn what_is_started_apart_has_a_core_that_its_starter_has_not() {
        // In a thread of its own, whose cores are nobody else's.
        thread::spawn(|| {
            let this_thread = Pid::from_raw(0);
            let all = cores_of(this_thread);
            let (child, apart) =
                apart(|| process::Command::new("sleep").arg("10").spawn()).unwrap();
            let mut child = child.unwrap();
            let theirs = cores_of(Pid::from_raw(i32::try_from(child.id()).unwrap()));
            let ours = cores_of(this_thread);
            let beside = beside(child.id(), || cores_of(this_thread));
            let after = cores_of(this_thread);
            drop(apart);
            assert_eq!(cores_of(this_thread), all);
            child.kill().unwrap();
            child.wait().unwrap();

            assert_eq!(beside.unwrap(), theirs);
            assert_eq!(after, ours);
            if all.len() > 1 {
                assert_eq!([ours, theirs].concat(), all);
            }
        })
        .join()
        .unwrap();
    }
}
