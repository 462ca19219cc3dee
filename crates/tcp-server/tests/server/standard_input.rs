//! Under systemd and cron standard input is /dev/null or closed: the server runs on.

use nix::sys::signal::Signal;

use crate::support::program::{Program, command};
use crate::support::{assert_echoes, connect};

#[test]
fn an_empty_or_closed_standard_input_does_not_end_the_server() {
    const CLOSED: &str = "exec \"$0\" \"$@\" <&-";
    for mode in ["echo", "hold"] {
        let args = ["-p", "0", "-m", mode];
        let empty = command(&args);
        let program = env!("CARGO_BIN_EXE_tcp-server");
        let closed = tests::piped("sh", &[&["-c", CLOSED, program], &args[..]].concat());
        for mut command in [empty, closed] {
            let program = Program::spawn(&mut command);
            if mode == "echo" {
                assert_echoes(&mut connect(&program.addr), "hello");
            }
            program.signal(Signal::SIGTERM);
            let left = program.wait();
            assert_eq!(left.code, 0, "{}", left.stderr);
        }
    }
}
