//! A server for stream sockets: listen, accept, serve, drain.
//!
//! The caller brings a [`Service`], which says what to do with one connection, and an [`Observer`], which
//! hears what became of each. [`run`] does the rest: a permit before each accept, a task for each
//! connection, an [`Ending`] for every one, limits on everything, and an end that lets what is in flight
//! finish. The library prints nothing; it logs through `tracing`.
//!
//! | question | module |
//! |---|---|
//! | How is a socket made to listen? | [`listener`] |
//! | What if there are several? | [`listeners`] |
//! | What happens between two connections, and when accept fails? | [`accept`] |
//! | Who runs the connections, and who hears of them? | [`serve`] |
//! | What does a service get? | [`connection`], [`stream`] |
//! | Who comes to an agreement on TLS, and how long may it take? | `handshake`, behind the feature `tls` |
//! | How long does the server wait for a peer? | [`patience`] |
//! | How does a server stop? | [`drain`] |
//! | How large, how many, how long? | [`limits`] |
//! | What can the program do? | [`modes`] |
//! | What have programs that serve in common? | `program`, behind the feature `cli` |
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{Shutdown, TcpStream};
//!
//! use tcp_server::{BindOptions, Config, Listener, modes::Echo, run, stop_pair};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = Listener::bind(&"127.0.0.1:0".parse()?, &BindOptions::default()).await?;
//! let address = listener.local_address().to_string();
//! let (stopper, stop) = stop_pair();
//! let server = tokio::spawn(run(listener, Config::default(), Echo, (), stop));
//!
//! let client = tokio::task::spawn_blocking(move || {
//!     let mut stream = TcpStream::connect(address)?;
//!     stream.write_all("你好".as_bytes())?;
//!     stream.shutdown(Shutdown::Write)?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     std::io::Result::Ok(answer)
//! });
//! assert_eq!(client.await??, "你好");
//!
//! stopper.stop();
//! assert_eq!(server.await?.served, 1);
//! # Ok(())
//! # }
//! ```

pub mod accept;
pub mod connection;
pub mod drain;
#[cfg(feature = "tls")]
mod handshake;
mod lent;
pub mod limits;
pub mod listener;
pub mod listeners;
pub mod modes;
mod pace;
pub mod patience;
mod per_address;
#[cfg(feature = "cli")]
pub mod program;
#[cfg(feature = "tls")]
mod quota;
pub mod serve;
mod socket;
pub mod stream;
mod unix_path;

pub use connection::{Connection, Parts};
pub use drain::{Phase, Stop, Stopper, stop_pair};
pub use limits::Limits;
pub use listener::{BindError, BindOptions, Listener};
pub use listeners::Listeners;
pub use patience::{Reading, Timers, Writing};
pub use proto::Ending;
pub use serve::{Closed, Config, Observer, Service, Summary, run};
pub use stream::{Counts, Peer, Stream};
