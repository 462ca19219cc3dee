//! How many processes and threads a program is made of, and how much memory it has, as `/proc` tells.

use std::fs;
use std::io;
use std::path::Path;

/// What a program is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The program's own process and all that it has started.
    pub processes: usize,
    /// The threads of all of them.
    pub threads: usize,
    /// Bytes of memory that all of them have at this moment (`VmRSS`).
    pub resident: u64,
}

struct Process {
    /// Its number in `/proc`, which is that of the namespace in which `/proc` was mounted.
    id: u32,
    parent: u32,
    threads: usize,
    resident: u64,
    /// Its number in the innermost PID namespace that it is in.
    inner: u32,
    namespace: Option<std::path::PathBuf>,
}

/// The family of the process that has the number `id` in the caller's own PID namespace.
pub(crate) fn of(id: u32) -> io::Result<Family> {
    let own = fs::read_link("/proc/self/ns/pid")?;
    let processes = processes()?;
    let is_it =
        |process: &&Process| process.inner == id && process.namespace.as_ref() == Some(&own);
    let gone = || io::Error::new(io::ErrorKind::NotFound, format!("process {id} is gone"));
    let first = processes.iter().find(is_it).ok_or_else(gone)?;
    let mut family = Family { processes: 0, threads: 0, resident: 0 };
    let mut members = vec![first];
    while let Some(member) = members.pop() {
        family.processes += 1;
        family.threads += member.threads;
        family.resident += member.resident;
        members.extend(processes.iter().filter(|process| process.parent == member.id));
    }
    Ok(family)
}

fn processes() -> io::Result<Vec<Process>> {
    let folders = fs::read_dir("/proc")?.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(folders.filter_map(|folder| read(&folder)).collect())
}

/// `None` for what is no process, or is gone by now.
fn read(folder: &Path) -> Option<Process> {
    let id = folder.file_name()?.to_str()?.parse().ok()?;
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next_back()?.parse::<u32>().ok()
    };
    Some(Process {
        id,
        parent: field("PPid:")?,
        threads: usize::try_from(field("Threads:")?).ok()?,
        resident: resident(&status),
        inner: field("NSpid:")?,
        // Not ours to read where it belongs to somebody else.
        namespace: fs::read_link(folder.join("ns/pid")).ok(),
    })
}

/// Of a process's `status`; one that has ended, and waits to be told of, has none.
fn resident(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
