//! Datagrams between peers.
//!
//! A datagram arrives whole, cut, or not at all; nobody tells the sender. What the kernel does know it
//! says here: how long a cut datagram was, how many were lost because the receive buffer was full, and
//! that nothing receives at the other end.
//!
//! [`Socket`] is one UDP socket for as many peers as there are; what a datagram means is for the layer
//! above to say. [`Plain`] is the layer that leaves datagrams as they are. A reliable transport stands
//! beside it, on a socket of the same kind.
//!
//! | question | module |
//! |---|---|
//! | What does a socket tell of each datagram? | [`socket`] |
//! | What comes in where datagrams are left as they are? | [`plain`] |
//! | How many datagrams has the kernel thrown away? | [`drops`] |
//! | From which addresses does one choose? | [`resolve`] |
//! | Which datagrams do lines of text become? | [`lines`] |
//! | How large may a datagram be? | [`limits`] |
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

pub mod drops;
pub mod limits;
pub mod lines;
pub mod plain;
pub mod resolve;
pub mod socket;

pub use lines::{Line, Lines};
pub use plain::{Incoming, Plain, SendError, Unreachable, What};
pub use resolve::{ResolveError, addresses};
pub use socket::{Received, Socket, SocketError, SocketOptions};
