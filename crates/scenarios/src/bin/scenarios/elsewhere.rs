//! What is left where there is no lab?

use cli::{Exit, Failure, Format};

use crate::options::RunArgs;
use crate::refuse;

/// The demos cannot be named: they are not in this program.
pub(crate) fn list(format: Format) -> Exit {
    refuse(&no_lab(), format)
}

/// No demo can be played.
pub(crate) fn run(_names: &[String], args: &RunArgs) -> Exit {
    refuse(&no_lab(), args.common.format())
}

/// There is nothing to test.
pub(crate) fn doctor(format: Format) -> Exit {
    refuse(&no_lab(), format)
}

fn no_lab() -> Failure {
    let why = if cfg!(target_os = "linux") {
        "this program was built without the lab; --replay works here"
    } else {
        "this needs Linux (network namespaces); --replay works here"
    };
    Failure::new(Exit::Skipped, "no_lab", why)
        .hint("cargo xtask demo --replay docs/recorded/backlog.jsonl")
}
