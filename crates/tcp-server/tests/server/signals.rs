//! The signals that are neither Ctrl-C nor SIGTERM.

use std::process::Command;

use nix::sys::signal::Signal;
use tests::Running;
use tokio::signal::unix::{SignalKind, signal};

use crate::support::program::{Program, command};
use crate::support::{assert_echoes, connect};

/// Makes what this process starts hear SIGHUP, also where the tests run under nohup(1): an ignored signal
/// stays ignored in a child, one that has a handler gets its default back.
fn hear_hang_ups() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    // The handler stays when this is dropped.
    drop(signal(SignalKind::hangup()).unwrap());
}

/// The program, started with SIGHUP ignored, as nohup(1) does it.
fn unhangable() -> Command {
    let script = "trap '' HUP; exec \"$0\" \"$@\"";
    tests::piped("sh", &["-c", script, env!("CARGO_BIN_EXE_tcp-server"), "-p", "0"])
}

#[test]
fn a_terminal_that_is_closed_lets_the_connections_finish() {
    hear_hang_ups();
    let mut program = Program::start(&[]);
    let mut client = connect(&program.addr);
    assert_echoes(&mut client, "hello");
    program.event("open");
    program.signal(Signal::SIGHUP);
    program.event("draining");
    assert_echoes(&mut client, "still served");
    drop(client);
    let left = program.wait();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    assert_eq!(left.endings(), ["PeerFin"]);
}

#[test]
fn a_second_one_ends_with_the_code_of_sigterm() {
    hear_hang_ups();
    let mut program = Program::start(&["--drain", "1h", "-m", "discard"]);
    let client = connect(&program.addr);
    program.event("open");
    program.signal(Signal::SIGHUP);
    program.event("draining");
    program.signal(Signal::SIGHUP);
    let left = program.wait();
    drop(client);
    // It may have found the client silent just before.
    assert!(left.code == 143 || left.code == 0, "{}", left.code);
}

#[test]
fn a_server_that_is_to_survive_its_terminal_does() {
    let mut program = Program::spawn(&mut unhangable());
    program.signal(Signal::SIGHUP);
    // What it answers to this one it answers after the other.
    program.signal(Signal::SIGUSR1);
    program.event("stats");
    assert_echoes(&mut connect(&program.addr), "still here");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().code, 0);
}

#[test]
fn it_tells_how_it_is_doing() {
    let mut program = Program::start(&[]);
    drop(connect(&program.addr));
    program.event("open");
    program.event("closed");
    let mut client = connect(&program.addr);
    assert_echoes(&mut client, "hello");
    program.event("open");
    drop(client);
    program.event("closed");
    // Bytes count when they come, not when their connection has ended.
    let mut open = connect(&program.addr);
    assert_echoes(&mut open, "again!");
    program.event("open");
    program.signal(Signal::SIGUSR1);
    let stats = program.event("stats");
    let names = ["open", "served", "received", "sent", "refused", "accept_errors"];
    let counts = names.map(|name| stats[name].as_u64().unwrap());
    assert_eq!(counts, [1, 3, 11, 11, 0, 0], "{stats}");
    assert!(stats["seconds"].as_f64().unwrap() > 0.0, "{stats}");
}

#[test]
fn it_tells_a_person_too_even_one_who_wants_to_hear_nothing_else() {
    let path = std::env::temp_dir().join(format!("tcp-server-stats-{}", std::process::id()));
    let address = format!("unix:{}", path.display());
    for args in [&["-p", "0"][..], &["-q", &address]] {
        let mut running = Running::start(&mut command(args));
        if args[0] == "-q" {
            crate::support::eventually("the socket", || path.exists().then_some(()));
        } else {
            running.stderr.wait_for("Ctrl-C stops.");
        }
        running.signal(Signal::SIGUSR1);
        running.stderr.wait_for(" open=0 served=0 recv=0 sent=0 up=0s\n");
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish().code, 0);
    }
}
