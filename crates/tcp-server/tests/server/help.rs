//! Help that tells everything; that it fits a terminal is a test of the command line itself.

use tests::Running;
use tests::help::{breaks_in_paragraphs, flags_without_default};

use crate::support::program::command;

#[test]
fn every_flag_says_what_holds_without_it() {
    let done = Running::start(&mut command(&["--help"])).finish();
    done.silent();
    assert_eq!(flags_without_default(done.stdout_text()), [""; 0]);
}

#[test]
fn its_last_paragraphs_are_wrapped_once() {
    for columns in [80, 100] {
        let mut command = command(&["--help"]);
        let done = Running::start(command.env("COLUMNS", columns.to_string())).finish();
        let broken = breaks_in_paragraphs(done.stdout_text(), "Connections that find", columns);
        assert_eq!(broken, [""; 0]);
    }
}

#[test]
fn what_is_of_files_alone_is_refused_elsewhere() {
    let done = Running::start(&mut command(&["-p", "0", "--share", "give"])).finish();
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(done.stderr.contains("--dir <DIR>"), "{}", done.stderr);
}
