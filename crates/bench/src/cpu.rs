//! How many cores a process keeps busy.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// The unit of time in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture that Linux still runs on
/// except Alpha and Itanium (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Measures a process, all its threads together, from the moment when it is made.
#[derive(Debug)]
pub struct Meter {
    pid: u32,
    cpu: Duration,
    since: Instant,
}

impl Meter {
    /// A meter for the process `pid`.
    pub fn start(pid: u32) -> io::Result<Self> {
        Ok(Self { pid, cpu: cpu_time(pid)?, since: Instant::now() })
    }

    /// How many cores the process kept busy since then.
    pub fn cores(&self) -> io::Result<f64> {
        let cpu = cpu_time(self.pid)?.saturating_sub(self.cpu);
        Ok(cpu.as_secs_f64() / self.since.elapsed().as_secs_f64())
    }
}

fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND))
}

/// The fields `utime` and `stime`, added. The name of the program, which may hold anything, is in
/// brackets before them.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    // The first field here is the third of the line.
    let mut times = fields.split(' ').skip(14 - 3).map(str::parse);
    let (Some(Ok(user)), Some(Ok(system))) = (times.next(), times.next()) else { return None };
    u64::checked_add(user, system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let fields = "S 1 1 1 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 100";
        for name in ["bash", "a b", ") 1 2 ("] {
            assert_eq!(ticks(&format!("4121 ({name}) {fields}")), Some(300), "{name}");
        }
        assert_eq!(ticks("4121 (bash) S 1 1"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn a_busy_process_uses_a_core() {
        let meter = Meter::start(std::process::id()).unwrap();
        let before = meter.cpu;
        while cpu_time(meter.pid).unwrap() < before + Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        assert!(meter.cores().unwrap() > 0.0);
    }
}
