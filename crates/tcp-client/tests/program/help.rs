//! Help that fits a terminal, and help that tells everything.

use std::fs::File;

use tests::help::{breaks_in_paragraphs, flags_without_default};

use crate::support::{Running, command};

fn help(args: &[&str]) -> String {
    help_in_columns(args, "80")
}

fn help_in_columns(args: &[&str], columns: &str) -> String {
    let done = Running::start(command(args).env("COLUMNS", columns)).finish();
    done.silent();
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn the_short_help_fits_a_terminal_of_24_lines() {
    // Through a pipe it is wrapped for 100 columns: what it needs no wrapping for fits in both.
    for columns in ["80", "100"] {
        let help = help_in_columns(&["-h"], columns);
        assert!(help.lines().count() < 24, "{} lines:\n{help}", help.lines().count());
        for line in help.lines() {
            assert!(line.len() <= 80, "{} columns: {line}", line.len());
        }
    }
}

#[test]
fn the_long_help_begins_with_examples_and_has_every_flag() {
    let help = help(&["--help"]);
    assert!(help.starts_with("EXAMPLES\n"), "{help}");
    for flag in [
        "--timeout",
        "--idle",
        "--deadline",
        "--user-timeout",
        "--check",
        "--retry",
        "--retry-delay",
        "--source",
        "--source-port",
        "-4",
        "-6",
        "--numeric",
        "--on-eof",
        "-N",
        "--linger-after-eof",
        "--on-close",
        "--crlf",
        "--raw",
        "--format",
        "--json",
        "--verbose",
        "--quiet",
    ] {
        assert!(help.contains(flag), "{flag} is not in the help");
    }
    assert!(help.contains("nc's `-q SECONDS`"));
    assert!(help.contains("EXIT CODES"));
}

/// A flag that takes a value says what holds without it.
#[test]
fn every_value_has_a_default_or_says_that_there_is_none() {
    for args in [&["--help"][..], &["chat", "--help"], &["send-file", "--help"]] {
        assert_eq!(flags_without_default(&help(args)), [""; 0], "{args:?}");
    }
}

#[test]
fn the_version_is_not_verbose() {
    assert!(help(&["-V"]).starts_with("tcp-client 0."));
}

#[test]
fn its_last_paragraphs_are_wrapped_once() {
    for columns in [80, 100] {
        let help = help_in_columns(&["--help"], &columns.to_string());
        assert_eq!(breaks_in_paragraphs(&help, "HOW IT ENDS\n", columns), [""; 0]);
    }
}

#[test]
fn help_that_cannot_be_written_is_no_success() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return tests::skip("no /dev/full");
    };
    for option in ["--help", "-h", "-V", "--man"] {
        let mut command = command(&[option]);
        let done = Running::start(command.stdout(full.try_clone().unwrap())).finish();
        done.failed(1, "cannot write to standard output: no space left on device");
    }
}
