//! `-z`: only whether somebody listens.

use std::fs::File;
use std::process::Stdio;

use crate::support::{PROGRAM, Peer, Running, command, read_to_end, run, unused_port};

#[test]
fn an_open_port_is_told_on_standard_output() {
    let server = Peer::listen();
    let done = run(&["-z", "127.0.0.1", &server.addr.port().to_string()]);
    done.silent();
    let line = String::from_utf8(done.stdout).unwrap();
    let took = line.strip_prefix(&format!("{} open (", server.addr)).unwrap();
    let took = took.strip_suffix(" ms)\n").unwrap();
    assert!(took.parse::<f64>().unwrap() >= 0.0);
}

#[test]
fn nothing_is_sent() {
    let server = Peer::listen();
    let file = File::open(PROGRAM).unwrap();
    let mut command = command(&["-z", &server.target()]);
    Running::start(command.stdin(Stdio::from(file))).finish().silent();
    assert_eq!(read_to_end(&mut server.accept()), b"");
}

#[test]
fn a_closed_port_is_an_error() {
    let (_bound, addr) = unused_port();
    let done = run(&["-z", &addr.to_string()]);
    done.failed(1, "connection refused");
    assert_eq!(done.stdout, b"");
}

#[test]
fn events_say_the_same() {
    let server = Peer::listen();
    let done = run(&["-z", "--json", &server.target()]);
    done.silent();
    let [connected, end] = &done.events()[..] else { panic!("{done:?}") };
    assert_eq!(connected["event"], "connected");
    assert_eq!(connected["peer"], server.target());
    assert_eq!((&end["ok"], &end["exit"]), (&true.into(), &0.into()));
}
