//! What is said to nobody but the peer, and arrives: `chat`, and `send` and `recv` with `--reliable`.
//!
//! | question | module |
//! |---|---|
//! | Who are we? | [`own_key`] |
//! | Is it the peer that it was last time? | [`meeting`] |
//! | How does one come to a connection with it? | [`call`] |
//! | How do lines travel, and how is one known that comes again? | [`words`] |
//! | What becomes of what was typed? | [`outbox`], [`chat`], [`send`] |
//! | What comes in? | [`recv`], [`hear`] |

pub(crate) mod call;
pub(crate) mod chat;
pub(crate) mod hear;
pub(crate) mod meeting;
mod outbox;
pub(crate) mod own_key;
pub(crate) mod recv;
pub(crate) mod send;
pub(crate) mod words;

use std::future::pending;
use std::time::Duration;

use arq::Config;
use cli::Failure;
use tokio::sync::oneshot;
use udp_peer::{Reliable, Socket};

use crate::args::PrivateArgs;
use crate::failures;
use crate::report::Report;

/// How long what was sent may take to be confirmed after Ctrl-C: 5 s, some round trips of a bad link.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long the program may take to end after a signal: what [`PATIENCE`] allows, and the last words.
pub(crate) const LAST_WORD: Duration = Duration::from_secs(7);

/// How long what was sent may take where nobody is in a hurry: as long as the peer shows that it is alive.
pub(crate) const NO_HURRY: Duration = Duration::from_secs(24 * 3600);

/// How long the last words may take, once all is confirmed: 1 s. A peer that is there answers at once.
pub(crate) const LAST_CLOSE: Duration = Duration::from_secs(1);

/// How long a receiver may take for its first word: 5 s. One that does something else says nothing.
pub(crate) const GREETING: Duration = Duration::from_secs(5);

/// Has connections on `socket`, as whoever the key says that we are.
pub(crate) fn start(
    socket: Socket,
    args: &PrivateArgs,
    report: &Report,
) -> Result<Reliable, Failure> {
    let identity = own_key::of(args, report)?;
    Reliable::start(socket, identity, config(args)).map_err(|error| failures::of_receiving(&error))
}

/// Waits for the signal that asks for an end. Where nobody can send one any more, it is for ever.
pub(crate) async fn stopped(stop: oneshot::Receiver<i32>) -> i32 {
    match stop.await {
        Ok(signal) => signal,
        Err(_) => pending().await,
    }
}

/// How connections are treated.
fn config(args: &PrivateArgs) -> Config {
    // Three signs of life are asked for before a peer is given up, so that two may be lost.
    Config { idle: args.idle, keepalive: Some(args.idle / 3), ..Config::default() }
}
