//! Messages between two peers over datagrams: none lost, none twice, in order where that was promised,
//! and readable by nobody else.
//!
//! This crate is a state machine: datagrams, the time and the application's wishes go in, datagrams and
//! events come out. It owns no socket, clock, thread or random source, which its manifest and its
//! `clippy.toml` enforce, so everything in it is tested in simulated time, with seeds. The bytes are
//! specified in `docs/protocol.md`.
//!
//! | question | module | after |
//! |---|---|---|
//! | In which order is it all called? | [`Endpoint`] | |
//! | What does a packet look like? | `packet` | RFC 9000 §17 |
//! | What does it say once it is open? | `frame`, `varint` | RFC 9000 §16, §19 |
//! | How do two peers come to have keys? | `handshake`, `identity` | Noise §7.5, RFC 7748 |
//! | What is asked before a handshake costs anything? | `check` | RFC 9000 §8.1, WireGuard §5.4 |
//! | How are packets sealed, and when do keys change? | `keys` | Noise §4.2, §12.4, RFC 9001 §6 |
//! | Which packets were had already? | `replay` | RFC 6479 |
//! | Where is the peer, and how much may be sent there? | `path` | RFC 9000 §8, §9 |
//! | What is acknowledged, and when? | `acks`, `range_set` | RFC 9000 §13.2 |
//! | How long does an answer take? | `rtt` | RFC 9002 §5, §6.2 |
//! | When is a packet taken for lost? | `loss`, `sent` | RFC 8985 §6, RFC 9002 §6.1, §7.6 |
//! | How much may be in flight? | [`Controller`], [`NewReno`] | RFC 9002 §7 |
//! | When may the next packet go? | `pacer` | RFC 9002 §7.7 |
//! | How much may the peer make us hold? | `credit` | RFC 9000 §4.1 |
//! | How are messages cut and joined? | `outgoing`, `incoming` | RFC 9000 §2.2, §13.3 |
//! | Who sends next? | `messages` | RFC 8260 |
//! | What is sent once only? | `unreliable` | RFC 9221 |
//! | When is a silent peer given up? | `idle` | RFC 9000 §10.1 |
//! | How does a connection end? | `life` | RFC 9000 §10.2 |
//! | How large may anything become? | [`limits`] | |
//!
//! ```
//! use arq::{Channel, Config, Endpoint, Event, Identity, Random, Time};
//!
//! /// A source for this example; a program takes its random bytes from the system.
//! struct Counter(u8);
//!
//! impl Random for Counter {
//!     fn fill(&mut self, bytes: &mut [u8]) {
//!         for byte in bytes {
//!             self.0 = self.0.wrapping_mul(5).wrapping_add(77);
//!             *byte = self.0;
//!         }
//!     }
//! }
//!
//! let now = Time::ZERO;
//! let peer = |number| {
//!     let identity = Identity::from_secret(&[number; 32]);
//!     Endpoint::new(now, identity, Config::default(), Box::new(Counter(number)))
//! };
//! let (mut ann, mut bob) = (peer(1), peer(2));
//! let (ann_at, bob_at) = ("192.0.2.1:1".parse()?, "192.0.2.2:2".parse()?);
//! let to_bob = ann.connect(now, bob_at, Some(bob.public_key()))?;
//!
//! let mut datagram = Vec::new();
//! let mut heard = None;
//! while heard.is_none() {
//!     while ann.poll_transmit(now, &mut datagram).is_some() {
//!         bob.handle_datagram(now, ann_at, &mut datagram);
//!     }
//!     while bob.poll_transmit(now, &mut datagram).is_some() {
//!         ann.handle_datagram(now, bob_at, &mut datagram);
//!     }
//!     while let Some((_, event)) = ann.poll_event() {
//!         if let Event::Established { .. } = event {
//!             ann.send(to_bob, Channel::ordered(0), "你好".into())?;
//!         }
//!     }
//!     while let Some((id, event)) = bob.poll_event() {
//!         if let Event::Readable(channel) = event {
//!             heard = bob.read(id, channel);
//!         }
//!     }
//! }
//! assert_eq!(heard.as_deref(), Some("你好".as_bytes()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acks;
mod channel;
mod check;
mod config;
mod congestion;
mod connection;
mod credit;
mod endpoint;
mod event;
mod frame;
mod handshake;
mod identity;
mod idle;
mod incoming;
mod keys;
mod life;
pub mod limits;
mod loss;
mod messages;
mod new_reno;
mod outgoing;
mod pacer;
mod packet;
mod packing;
mod path;
mod random;
mod range_set;
mod replay;
mod rtt;
mod sent;
mod time;
mod unreliable;
mod varint;

pub use channel::{Channel, Order};
pub use config::Config;
pub use congestion::Controller;
pub use endpoint::{ConnectionId, Counts, Endpoint, TooMany};
pub use event::{CloseCode, End, Event, Fault, SendError, Snapshot, Stats};
pub use identity::{Identity, KeyError, PublicKey};
pub use new_reno::NewReno;
pub use random::Random;
pub use time::Time;
