//! Which processes has a program started, and which of them are left?

use std::fs;
use std::thread;
use std::time::Instant;

use crate::running::LIMIT;

/// The children of a process, theirs, and so on.
pub fn descendants(of: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
            (parent_of(id)? == parent).then_some(id)
        });
        let children: Vec<i32> = children.collect();
        found.extend(&children);
        parents.extend(children);
    }
    found
}

/// Waits until none of these processes runs any more.
#[track_caller]
pub fn all_end(family: &[i32]) {
    let start = Instant::now();
    while family.iter().any(|id| is_running(*id)) {
        assert!(start.elapsed() < LIMIT, "still there: {family:?}");
        thread::yield_now();
    }
}

/// The process group of a process; `None` for one that is gone.
pub fn group_of(id: i32) -> Option<i32> {
    stat_of(id)?.get(2)?.parse().ok()
}

/// The fields of `/proc/ID/stat` behind the name in brackets; `None` for a process that is gone.
fn stat_of(id: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn parent_of(id: i32) -> Option<i32> {
    stat_of(id)?.get(1)?.parse().ok()
}

fn is_running(id: i32) -> bool {
    // A zombie runs no more; its parent has only not asked for it yet.
    stat_of(id).is_some_and(|fields| fields[0] != "Z")
}
