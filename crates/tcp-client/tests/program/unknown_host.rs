//! Names: unknown ones, and those that must not be looked up.

use crate::support::run;

/// `.invalid` is a name that nobody has (RFC 6761), and without a dot after it no search list applies.
#[test]
fn a_name_that_nobody_has() {
    let done = run(&["--json", "-w", "0", "no-such-host.invalid.", "7878"]);
    done.failed(2, "cannot find host \"no-such-host.invalid.\": ");
    assert_eq!(done.end()["error"]["kind"], "unknown_host");
}

#[test]
fn a_name_where_only_numbers_are_allowed() {
    let done = run(&["-n", "localhost:7878"]);
    done.failed(2, "\"localhost\" is a name, and -n takes numbers only");
}
