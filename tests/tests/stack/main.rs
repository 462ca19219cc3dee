//! Our programs with each other and with programs that are not ours: one behaviour a file.
//!
//! They are modules of one test program, so that it is linked once and builds the programs once.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod big_file;
mod chat_over_tls;
mod chinese_lines;
mod endings;
mod foreign_clients;
mod foreign_servers;
mod held;
mod killed_client;
mod schema;
mod stopped_server;
mod tls;
mod tutorial_clients;
mod usage;
