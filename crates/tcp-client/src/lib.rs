//! Connect to a stream socket, try again, and talk: what goes in goes to the peer, what the peer sends
//! comes out.
//!
//! | question | module |
//! |---|---|
//! | How is a connection made, and why was none made? | [`connect`](mod@connect) |
//! | Which of a name's addresses is taken? | `eyeballs` |
//! | What is a connection made of? | [`stream`] |
//! | How does it come to TLS? | `agree`, behind the feature `tls` |
//! | When is it tried again? | [`retry`] |
//! | Who may close first, and what happens then? | [`talk`](mod@talk) |
//! | When has it taken too long? | [`clocks`] |
//! | How do lines get the ending that text protocols want? | [`crlf`] |
//! | What reaches a terminal? | [`proto::visible`] |
//! | How long and how large may anything become? | [`limits`] |
//!
//! ```
//! use std::future::pending;
//!
//! use proto::Ending;
//! use tcp_client::{ConnectOptions, TalkOptions, connect, talk};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = server.local_addr()?.into();
//! tokio::spawn(async move {
//!     let (mut peer, _) = server.accept().await?;
//!     let (mut from_client, mut to_client) = peer.split();
//!     tokio::io::copy(&mut from_client, &mut to_client).await
//! });
//!
//! let mut connected = connect(&address, &ConnectOptions::default()).await?;
//! let (mut input, mut output) = (&b"hello"[..], Vec::new());
//! let options = TalkOptions::default();
//! let talked =
//!     talk(&mut connected.stream, &mut input, &mut output, &options, pending()).await;
//! assert_eq!(talked.ending, Ending::PeerFin);
//! assert_eq!(output, b"hello");
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "tls")]
mod agree;
pub mod clocks;
pub mod connect;
pub mod crlf;
mod eyeballs;
pub mod limits;
mod options;
mod resolve;
pub mod retry;
pub mod stream;
pub mod talk;

pub use connect::{ConnectError, ConnectOptions, Connected, Family, connect};
pub use retry::{Retry, connect_with_retry};
pub use stream::{Delivers, Stream};
pub use talk::{OnEof, TalkOptions, Talked, talk};
