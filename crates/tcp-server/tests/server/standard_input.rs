//! Under systemd and cron standard input is /dev/null or closed: the server runs on.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::program::{Program, command};
use crate::support::{assert_echoes, connect};

#[test]
fn an_empty_or_closed_standard_input_does_not_end_the_server() {
    for mode in ["echo", "hold"] {
        let mut empty = command();
        empty.args(["-p", "0", "-m", mode]).stdin(Stdio::null());
        let mut closed = Command::new("sh");
        closed.args(["-c", "exec \"$0\" \"$@\" <&-", env!("CARGO_BIN_EXE_tcp-server")]);
        closed.args(["-p", "0", "-m", mode]);
        for command in [empty, closed] {
            let program = Program::spawn(command);
            if mode == "echo" {
                assert_echoes(&mut connect(&program.addr), "hello");
                program.event("open");
                program.event("closed");
            }
            program.signal(Signal::SIGTERM);
            let left = program.wait();
            assert_eq!(left.code, 0, "{}", left.stderr);
        }
    }
}
