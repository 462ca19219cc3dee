//! What is left of a lab that ends by force: nothing.

use std::env;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{LIMIT, lab};

/// Started with this argument, the program is a lab that goes on until it is killed.
pub(super) const ENDLESS: &str = "--endless-lab";

/// A program in the lab that has started one of its own; both can be told from all others.
pub(super) fn endless_lab() -> ExitCode {
    let level = netlab::enter().expect("the outer test has looked whether it may");
    let lab = lab(level);
    let mark = env::args().next_back().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 1000 & echo started; wait", &mark]);
    let program = lab.start("client", "sh", command).unwrap();
    program.wait_for(LIMIT, |_| Some(())).expect("the shell has started its child");
    println!("ready");
    std::thread::sleep(Duration::from_secs(1000));
    ExitCode::SUCCESS
}

pub(super) fn nothing_is_left_when_killed() {
    let Some((mut outer, family)) = start_endless_lab() else { return };
    outer.kill().unwrap();
    outer.wait().unwrap();
    all_end(&family);
}

/// The lab hears no signals, so the first one waits for a last word in vain, and the second for nothing.
pub(super) fn a_deaf_lab_ends_by_a_signal() {
    for times in [1, 2] {
        let Some((mut outer, family)) = start_endless_lab() else { return };
        let start = Instant::now();
        let id = Pid::from_raw(outer.id().try_into().unwrap());
        for _ in 0..times {
            kill(id, Signal::SIGINT).unwrap();
            // Two that are sent at once may be taken for one.
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(outer.wait().unwrap().signal(), Some(Signal::SIGINT as i32));
        assert_eq!(
            start.elapsed() >= netlab::enter::LAST_WORD,
            times == 1,
            "{:?}",
            start.elapsed()
        );
        all_end(&family);
    }
}

/// The outer process of a lab that goes on until it is ended, and all that it has started.
fn start_endless_lab() -> Option<(Child, Vec<u32>)> {
    let mark = format!("sockeye-endless-{}", std::process::id());
    // Who runs the tests in the background of a shell has them ignore SIGINT, and so would the lab.
    let mut outer = Command::new("env")
        .arg("--default-signal=INT")
        .arg(env::current_exe().unwrap())
        .args([ENDLESS, &mark])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 5];
    if outer.stdout.take().unwrap().read_exact(&mut ready).is_err() {
        println!("skipped: the lab did not start");
        outer.wait().unwrap();
        assert!(env::var_os("CI").is_none(), "a lab must start in CI");
        return None;
    }
    let family = descendants(outer.id());
    // The lab's inner process, the shell, and the shell's own child.
    assert!(family.len() >= 3, "{family:?}");
    Some((outer, family))
}

fn all_end(family: &[u32]) {
    let start = Instant::now();
    while family.iter().any(|id| is_running(*id)) {
        assert!(start.elapsed() < LIMIT, "still there: {family:?}");
        std::thread::yield_now();
    }
}

fn descendants(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut parents = vec![of];
    while let Some(parent) = parents.pop() {
        let children = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
            (parent_of(id)? == parent).then_some(id)
        });
        let children: Vec<u32> = children.collect();
        found.extend(&children);
        parents.extend(children);
    }
    found
}

/// The fourth field of `/proc/ID/stat`, after the name in brackets; `None` for a process that is gone.
fn parent_of(id: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_running(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    // A zombie runs no more; its parent has only not asked for it yet.
    state.is_some_and(|state| state != "Z")
}
