//! Recorded runs, rendered again, and files that are none.
#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod read;
mod recorded;
