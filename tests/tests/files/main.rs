//! Files through our programs: one behaviour a file.
//!
//! They are modules of one test program, so that it is linked once and builds the programs once.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod attacks;
mod both_ways;
mod changed;
mod damaged;
mod descriptors;
mod file_size;
mod killed;
mod no_room;
mod not_allowed;
mod same_name;
mod support;
mod wrong_peer;
