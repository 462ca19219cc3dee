//! A signal in the middle: what the demo says, and what is left of it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tests::{Directory, Finished, Running, family, foreign, piped, program};

use crate::{LIMIT, events, has_namespaces, on_loopback};

/// To whom a signal is sent.
#[derive(Clone, Copy, Debug)]
enum To {
    /// The process that was started, as `kill` sends it.
    It,
    /// Its process group, as a terminal sends it at Ctrl-C.
    Group,
}

/// Starts two demos, sends the signal when the first check is told, and looks that nothing is left.
#[track_caller]
fn interrupt(signal: Signal, to: To) -> Finished {
    let args = ["run", "backlog", "silence", "--format", "json"];
    let mut command = piped(program("scenarios"), &args);
    let mut demo = Running::start_with_limit(command.process_group(0), LIMIT);
    demo.stdout.take_event(|event| event["event"] == "check");
    // It goes on with the next story meanwhile, and with the programs of that.
    let family = started(&demo, 3);
    // The inner process alone: the programs of the lab hear nothing of Ctrl-C, and end with it.
    let in_group = family.iter().filter(|id| family::group_of(**id) == Some(demo.pid()));
    assert_eq!(in_group.count(), 1, "{family:?}");
    match to {
        To::It => demo.signal(signal),
        To::Group => killpg(Pid::from_raw(demo.pid()), signal).unwrap(),
    }
    let finished = demo.finish();
    family::all_end(&family);
    finished
}

/// What the demo has started, once it is so many: with namespaces their first process is among them.
#[track_caller]
fn started(demo: &Running, at_least: usize) -> Vec<i32> {
    let start = Instant::now();
    loop {
        let family = family::descendants(demo.pid());
        if family.len() >= at_least {
            return family;
        }
        assert!(start.elapsed() < LIMIT, "{family:?}");
        thread::yield_now();
    }
}

#[test]
fn a_demo_that_a_signal_ends_says_how_far_it_came_and_leaves_nothing() {
    if !has_namespaces() {
        return;
    }
    for (signal, to, code) in [
        (Signal::SIGINT, To::It, 130),
        (Signal::SIGINT, To::Group, 130),
        (Signal::SIGTERM, To::It, 143),
    ] {
        let finished = interrupt(signal, to);
        assert_eq!((finished.code, finished.signal), (code, Some(signal as i32)), "{finished:?}");
        let told = "error: interrupted in backlog, demo 1 of 2, after its story overflow; ";
        assert!(finished.stderr.starts_with(told), "{}", finished.stderr);

        let events = events(&finished);
        let checks = events.iter().filter(|event| event["event"] == "check").count();
        let end = finished.end();
        assert_eq!(end["error"]["kind"], "interrupted");
        assert_eq!(end["checks"], checks);
        assert_eq!(events.iter().filter(|event| event["event"] == "end").count(), 1);
    }
}

/// The first process of a PID namespace is given no signal that it does not handle: one that comes before it
/// does must wait for it. Nobody sees when that is, so it is tried at many moments of the first 20 ms.
#[test]
fn a_signal_right_at_the_beginning_is_heard() {
    if !has_namespaces() {
        return;
    }
    for moment in 0..40 {
        let to = if moment % 2 == 0 { To::It } else { To::Group };
        let mut command = piped(program("scenarios"), &["run", "silence"]);
        let demo = Running::start_with_limit(command.process_group(0), LIMIT);
        let start = Instant::now();
        while start.elapsed() < moment * Duration::from_micros(500) {
            thread::yield_now();
        }
        match to {
            To::It => demo.signal(Signal::SIGINT),
            To::Group => killpg(Pid::from_raw(demo.pid()), Signal::SIGINT).unwrap(),
        }
        let finished = demo.finish();
        assert_eq!(finished.signal, Some(Signal::SIGINT as i32), "{moment}: {finished:?}");
    }
}

/// Without namespaces it is an ordinary process, and its programs die of its death.
#[test]
fn on_loopback_nothing_is_left_either() {
    let _alone = on_loopback();
    let args = ["run", "backlog", "--loopback"];
    let demo = Running::start(&mut piped(program("scenarios"), &args));
    let family = started(&demo, 2);
    demo.signal(Signal::SIGINT);
    let finished = demo.finish();
    assert_eq!(finished.signal, Some(Signal::SIGINT as i32), "{finished:?}");
    assert!(finished.stderr.starts_with("error: interrupted in backlog"), "{}", finished.stderr);
    family::all_end(&family);
}

/// A demo at a terminal of its own, with a person before it.
struct AtTerminal {
    demo: Running,
    person: File,
    /// What the person has been shown of standard error.
    shown: Arc<Mutex<String>>,
    reading: thread::JoinHandle<()>,
    /// Where the demo makes its files.
    files: Directory,
}

impl AtTerminal {
    /// `setsid` gives it the terminal, as a shell would.
    #[track_caller]
    fn start(setsid: &std::path::Path, args: &[&str]) -> Self {
        let (terminal, files) = (openpty(None, None).unwrap(), Directory::new());
        let scenarios = program("scenarios");
        let with_terminal = ["--ctty", scenarios.to_str().unwrap(), "run"];
        let mut command = piped(setsid, &[&with_terminal[..], args].concat());
        command.env("TMPDIR", files.path());
        command.stdin(Stdio::from(terminal.slave.try_clone().unwrap()));
        command.stderr(Stdio::from(terminal.slave));
        let demo = Running::start_with_limit(&mut command, LIMIT);
        // The command keeps the terminal open, and a reader would wait for it.
        drop(command);
        let person = File::from(terminal.master);
        let (mut screen, shown) =
            (person.try_clone().unwrap(), Arc::new(Mutex::new(String::new())));
        let on_screen = Arc::clone(&shown);
        let reading = thread::spawn(move || {
            let mut buf = [0; 1024];
            // The end of a terminal whose other side is closed is EIO.
            while let Ok(count @ 1..) = screen.read(&mut buf) {
                on_screen.lock().unwrap().push_str(&String::from_utf8_lossy(&buf[..count]));
            }
        });
        Self { demo, person, shown, reading, files }
    }

    /// Waits until something is so, of what is shown and of the folder of files.
    #[track_caller]
    fn wait_until(&self, is_so: impl Fn(&str, usize) -> bool) {
        let start = Instant::now();
        loop {
            let shown = self.shown.lock().unwrap().clone();
            if is_so(&shown, fs::read_dir(self.files.path()).unwrap().count()) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "{shown}");
            thread::yield_now();
        }
    }

    /// Presses Ctrl-C, and looks that nothing is left; gives how it ended, and what was shown.
    #[track_caller]
    fn press_ctrl_c(mut self) -> (Finished, String) {
        self.person.write_all(b"\x03").unwrap();
        self.ends()
    }

    #[track_caller]
    fn ends(self) -> (Finished, String) {
        let family = family::descendants(self.demo.pid());
        let finished = self.demo.finish();
        family::all_end(&family);
        let left: Vec<_> = fs::read_dir(self.files.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        // The reader ends with the terminal, of which this was the last user.
        self.reading.join().unwrap();
        let shown = self.shown.lock().unwrap().clone();
        (finished, shown)
    }
}

/// At each place where a person may press Ctrl-C: while hosts are kept, between two stories, and in the
/// middle of one that has files. A terminal that is closed is no more than that.
#[test]
fn a_person_may_press_ctrl_c_anywhere() {
    let Some(setsid) = foreign("setsid") else { return };
    if !has_namespaces() {
        return;
    }
    let at = |args: &[&str]| AtTerminal::start(&setsid, args);

    let kept = at(&["silence", "--keep"]);
    kept.wait_until(|shown, _| shown.contains("-- Enter to let them go --"));
    let (finished, _) = kept.press_ctrl_c();
    // All was told before, and Ctrl-C stood for Enter.
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stdout_text().contains(" checks as expected"), "{finished:?}");

    let step = at(&["silence", "--step"]);
    step.wait_until(|shown, _| shown.contains("-- Enter to go on --"));
    let (finished, shown) = step.press_ctrl_c();
    assert_eq!(finished.signal, Some(Signal::SIGINT as i32), "{finished:?}");
    let told = "\nerror: interrupted in silence, after its story both-receive; 5 checks so far";
    assert!(shown.replace('\r', "").contains(told), "{shown}");

    let middle = at(&["families"]);
    middle.wait_until(|_, files| files > 0);
    let (finished, shown) = middle.press_ctrl_c();
    assert_eq!(finished.signal, Some(Signal::SIGINT as i32), "{finished:?}");
    assert!(shown.contains("error: interrupted in families, "), "{shown}");

    let closed = at(&["families"]);
    closed.wait_until(|_, files| files > 0);
    closed.demo.signal(Signal::SIGHUP);
    let (finished, _) = closed.ends();
    let by_signal = finished.signal == Some(Signal::SIGHUP as i32);
    // Under nohup(1) nothing ends by this signal, and its code says the same.
    assert!(by_signal || finished.code == 128 + Signal::SIGHUP as i32, "{finished:?}");
}
