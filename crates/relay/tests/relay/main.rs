//! The relay over real sockets: what it promises, and what bad input and faults do to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "only the relay's core is pure; these are its clients"
)]

mod bad_frames;
mod bad_lines;
mod names;
mod reset_storm;
mod rooms;
mod shutdown;
mod silence;
mod slow_reader;
mod support;
mod tls;
mod two_kinds;
