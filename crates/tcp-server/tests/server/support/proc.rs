use std::fs;
use std::thread;
use std::time::Duration;

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: i32) -> usize {
    descriptors_below(pid, usize::MAX)
}

/// How many descriptors a process has open whose numbers are below `limit`. A limit on open files is one
/// on these: what a process inherited may lie above it.
pub(crate) fn descriptors_below(pid: i32, limit: usize) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let number = |file: &fs::DirEntry| file.file_name().to_str().unwrap().parse::<usize>().unwrap();
    files.filter(|file| number(file.as_ref().unwrap()) < limit).count()
}

/// How much memory of a process is resident, in bytes.
pub(crate) fn resident(pid: i32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// How long a process uses a processor within a second in which nothing happens.
pub(crate) fn cpu_time_of_a_second(pid: i32) -> Duration {
    let before = cpu_time(pid);
    // This is the second that is measured.
    thread::sleep(Duration::from_secs(1));
    cpu_time(pid).saturating_sub(before)
}

/// How long a process has used a processor, in user mode and in the kernel.
fn cpu_time(pid: i32) -> Duration {
    // `utime` and `stime`, in ticks of which Linux shows 100 a second (proc_pid_stat(5)). The name of
    // the program, in brackets, may hold anything.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
