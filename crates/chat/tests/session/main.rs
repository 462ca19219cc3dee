//! A chat against a relay that lives in the same process, without sockets and in simulated time.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod accounts;
mod conversation;
mod hostile;
mod names;
mod relay;
mod rooms;
mod unsent;
