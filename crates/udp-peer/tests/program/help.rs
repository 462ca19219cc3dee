//! The help fits a screen, and names what there is.

use crate::support::run;

#[test]
fn short_help_fits_a_terminal_of_24_lines() {
    let commands = ["recv", "send", "chat", "send-file", "recv-file", "ping", "echo", "key"];
    let of_commands = commands.map(|command| vec![command, "-h"]);
    for args in [vec!["-h"]].iter().chain(&of_commands) {
        let done = run(args, b"");
        done.silent();
        let help = done.stdout_text();
        assert!(help.lines().count() <= 24, "{args:?}\n{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}

#[test]
fn long_help_starts_with_examples() {
    let done = run(&["--help"], b"");
    let help = done.stdout_text();
    assert!(help.starts_with("EXAMPLES\n"), "{help}");
    assert!(help.contains("EXIT CODES"), "{help}");
}

#[test]
fn without_arguments_it_says_what_it_can_do() {
    let done = run(&[], b"");
    assert_eq!(done.code, 2);
    for command in ["recv", "send", "chat", "send-file", "recv-file", "ping", "echo", "key"] {
        assert!(done.stderr.contains(command), "{}", done.stderr);
    }
}
