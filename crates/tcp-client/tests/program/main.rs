//! What `tcp-client` does for the one who runs it: one behaviour a file.
//!
//! They are modules of one test program, so that it is linked once. The peers are plain sockets of this
//! process on ports that the kernel picks, and every wait is for an event, with a time limit.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod ascii_only;
mod big_file;
mod broken_pipe;
mod chat;
mod chat_unread;
mod check_only;
mod closed_early;
mod connect_timeout;
mod crlf;
mod help;
mod ipv6;
mod json;
mod late_reply;
mod on_close_reset;
mod on_eof;
mod peer_fin;
mod refused;
mod relay;
mod reset;
mod retry;
mod signals;
mod source;
mod stdin;
mod support;
mod terminal;
mod time_limits;
mod tls;
mod unix;
mod unknown_host;
mod usage;
mod user_timeout;
