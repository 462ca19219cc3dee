//! What the server does, as a client sees it: one file a behaviour.
//!
//! One test program for all of them, because linking takes longer than most of these tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

mod bad_frames;
mod bad_lines;
mod cannot_start;
mod chargen;
mod chat;
mod chat_on_terminal;
mod drain;
mod drain_many;
mod echoed_frames;
mod endings;
mod events;
mod files_trickle;
mod first_byte;
mod full_file_table;
mod half_close;
mod handed_over;
mod help;
mod hold;
mod ipv6;
mod least_rate;
mod limits;
mod lingering;
mod max_conns;
mod metrics;
mod once;
mod panic;
mod per_address;
mod plain_text;
mod reset_storm;
mod reset_while_writing;
mod restart;
mod signals;
mod silence_while_draining;
mod slow_reader;
mod slow_sender;
mod standard_input;
mod stdio;
mod tls;
mod unix_socket;
mod unread_output;
