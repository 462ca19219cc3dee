//! The relay over real sockets: what it promises, and what bad input and faults do to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod bad_frames;
mod bad_lines;
mod names;
mod reset_storm;
mod rooms;
mod shutdown;
mod silence;
mod slow_reader;
mod support;
mod two_kinds;
