//! No descriptor left: the server says so once, waits without spinning, and serves again when one comes
//! free.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::program::Program;
use crate::support::way::{Way, certificate_file};
use crate::support::{eventually, proc, soon};

/// The program in a shell that has set a limit first.
fn limited(ulimit: &str, args: &[&str]) -> Program {
    let script = format!("ulimit {ulimit}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_tcp-server");
    Program::spawn(&mut tests::piped("sh", &[&["-c", &script, program], args].concat()))
}

#[tokio::test]
async fn it_is_told_once_costs_no_processor_and_passes() {
    for way in [Way::Tcp, Way::Unix, Way::Tls] {
        told_once_and_passes(way).await;
    }
}

async fn told_once_and_passes(way: Way) {
    let certificate = way.is_tls().then(certificate_file);
    let address = way.address();
    let mut args = vec![address.as_str()];
    if let Some(file) = &certificate {
        args.extend(["--cert", file, "--key", file]);
    }
    let program = limited("-n 32", &args);
    certificate.as_ref().map(fs::remove_file).transpose().unwrap();
    // More than fit. The kernel takes them all into the backlog.
    let mut first = way.dial(&program.addr).await;
    let mut clients = Vec::new();
    for _ in 1..40 {
        clients.push(way.knock(&program.addr).await.unwrap());
    }
    eventually("the table is full", || {
        (proc::descriptors_below(program.pid(), 32) == 32).then_some(())
    });

    // Others are waiting: whoever tried again at once would use a whole processor.
    let used = proc::cpu_time_of_a_second(program.pid());
    assert!(used <= Duration::from_millis(50), "{way:?}: {used:?} in a second");

    // Those inside are served all the while, and each that leaves lets another one in.
    first.assert_echoes("inside").await;
    let waiting = clients.pop().unwrap();
    drop((first, clients));
    let mut waiting = soon("the handshake", waiting.enter()).await;
    waiting.assert_echoes("in at last").await;
    drop(waiting);
    eventually("every client is told of", || {
        (proc::descriptors_below(program.pid(), 32) < 15).then_some(())
    });

    // Only after a second without a failure is it over, and told so.
    // This is the second, and a little more.
    std::thread::sleep(Duration::from_millis(1100));
    way.dial(&program.addr).await.assert_echoes("again").await;
    program.signal(Signal::SIGTERM);
    let left = program.wait();
    assert_eq!(left.code, 0, "{}", left.stderr);
    let count = |text: &str| left.stderr.matches(text).count();
    assert_eq!(count("cannot accept connections"), 1, "{way:?} {}", left.stderr);
    assert_eq!(count("Too many open files"), 1, "{way:?} {}", left.stderr);
    assert_eq!(count("accepting connections again"), 1, "{way:?} {}", left.stderr);
    assert_eq!(left.end()["served"], 41, "{way:?}");
}

#[test]
fn the_soft_limit_is_raised_to_what_max_conns_needs() {
    let program = limited("-S -n 40", &["-p", "0", "--max-conns", "100"]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("164"), "{files}");
}

#[test]
fn a_hard_limit_that_is_too_low_is_told() {
    let program = limited("-n 32", &["-p", "0", "--max-conns", "100"]);
    program.signal(Signal::SIGTERM);
    let stderr = program.wait().stderr;
    // It names no option: programs whose options are called otherwise say it too.
    let told = "at most 32 files may be open, and as many connections as are allowed may need 100; `ulimit -n`";
    assert!(stderr.contains(told), "{stderr}");
}
