//! Help that tells everything; that it fits a terminal is a test of the command line itself.

use tests::Running;
use tests::help::flags_without_default;

use crate::support::program::command;

#[test]
fn every_flag_says_what_holds_without_it() {
    let done = Running::start(&mut command(&["--help"])).finish();
    done.silent();
    assert_eq!(flags_without_default(done.stdout_text()), [""; 0]);
}
