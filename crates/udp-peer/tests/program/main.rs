//! What `udp-peer` does for the one who runs it: one behaviour a file.
//!
//! They are modules of one test program, so that it is linked once. The peers are plain sockets of this
//! process, other instances of the program, or programs of others; every wait is for an event, with a
//! time limit.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod answers;
mod broken_pipe;
mod chat;
mod control_characters;
mod count_and_time;
mod cut;
mod empty;
mod filing;
mod flood;
mod foreign_peers;
mod help;
mod ipv6;
mod keys;
mod killed;
mod lines;
mod ping;
mod private_chat;
mod reliable_lines;
mod rubbish;
mod signals;
mod sizes;
mod source;
mod support;
mod terminal;
mod unreachable;
mod usage;
mod wire;
