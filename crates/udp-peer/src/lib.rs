//! Datagrams between peers.
//!
//! A datagram arrives whole, cut, or not at all; nobody tells the sender. What the kernel does know it
//! says here: how long a cut datagram was, how many were lost because the receive buffer was full, and
//! that nothing receives at the other end.
//!
//! [`Socket`] is one UDP socket for as many peers as there are; what a datagram means is for the layer
//! above to say. [`Plain`] is the layer that leaves datagrams as they are. [`Reliable`] is the one that
//! keeps messages until they are confirmed, in order, and readable by nobody else: the crate `arq` with a
//! socket, a clock and random bytes.
//!
//! | question | module |
//! |---|---|
//! | What does a socket tell of each datagram? | [`socket`] |
//! | What comes in where datagrams are left as they are? | [`plain`] |
//! | How does one come to reliable connections? | [`reliable`] |
//! | What does one do with a connection? | [`connection`], [`stream`] |
//! | Who calls the protocol, when, and with what? | `driver`, `shared`, `batches`, `clock`, `entropy` |
//! | How many datagrams has the kernel thrown away? | [`drops`] |
//! | From which addresses does one choose? | [`resolve`] |
//! | Which datagrams do lines of text become? | [`lines`] |
//! | How large may a datagram be? | [`limits`] |
//!
//! Datagrams as they are:
//!
//! ```
//! use udp_peer::{Incoming, Plain, Socket, SocketOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = SocketOptions::default();
//! let receiver = Plain::new(Socket::bind("127.0.0.1:0".parse()?, &options)?);
//! let mut sender = Socket::bind("127.0.0.1:0".parse()?, &options)?;
//! sender.connect(receiver.socket().local_addr()?)?;
//! Plain::new(sender).send("你好".as_bytes()).await?;
//!
//! let mut buf = [0; 4];
//! let Incoming::Datagram(received) = receiver.next(&mut buf).await? else { unreachable!() };
//! assert_eq!((received.len, received.kept, received.is_cut()), (6, 4, true));
//! # Ok(())
//! # }
//! ```
//!
//! Messages that arrive:
//!
//! ```
//! use std::time::Duration;
//! use arq::{Channel, CloseCode, Config, Identity};
//! use udp_peer::{Entropy, Reliable, Socket, SocketOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let start = || {
//!     let socket = Socket::bind("127.0.0.1:0".parse()?, &SocketOptions::default())?;
//!     let identity = Identity::generate(&mut Entropy::default());
//!     Ok::<_, Box<dyn std::error::Error>>(Reliable::start(socket, identity, Config::default())?)
//! };
//! let (ann, bob) = (start()?, start()?);
//! let to_bob = ann.connect(bob.local_addr(), Some(bob.public_key()))?;
//! let to_ann = bob.accept().await?;
//! assert_eq!(to_ann.established().await.ok(), Some(ann.public_key()));
//!
//! to_bob.established().await.map_err(|ended| ended.end)?;
//! to_bob.send(Channel::ordered(0), "你好".into()).await?;
//! let heard = to_ann.recv(Channel::ordered(0)).await;
//! assert_eq!(heard.as_deref(), Ok("你好".as_bytes()));
//! let ended = to_bob.close(CloseCode::Done, "", Duration::from_secs(5)).await;
//! assert_eq!(ended.unconfirmed, 0);
//! # Ok(())
//! # }
//! ```

mod batches;
mod clock;
pub mod connection;
mod driver;
pub mod drops;
mod entropy;
pub mod limits;
pub mod lines;
pub mod plain;
pub mod reliable;
pub mod resolve;
mod shared;
pub mod socket;
pub mod stream;

pub use connection::Connection;
pub use entropy::Entropy;
pub use lines::{Line, Lines};
pub use plain::{Incoming, Plain, SendError, Unreachable, What};
pub use reliable::Reliable;
pub use resolve::{ResolveError, addresses};
pub use shared::{Ended, News};
pub use socket::{Received, Socket, SocketError, SocketOptions};
pub use stream::Stream;
