//! Files over any stream of frames, as a state machine.
//!
//! A [`Sender`] and a [`Receiver`] take what the other side says and what their caller has done, and say
//! what is to be sent and done next. They own no socket, file, clock or thread, which the manifest and
//! `clippy.toml` enforce: what drives them reads and writes, over TCP today, over any other transport
//! that keeps the order tomorrow.
//!
//! | question | module |
//! |---|---|
//! | How do two sides come to a transfer? | [`opening`] |
//! | What does the sending side do? | [`sender`] |
//! | What does the receiving side do? | [`receiver`] |
//! | Which paths of a stranger are used? | [`path`] |
//! | What is a file called until it is complete, and where its name is taken? | [`naming`] |
//! | How does each know that both have the same bytes? | [`hash`] |
//! | How quickly does it go? | [`pace`] |
//! | How large and how many? | [`limits`] |
//!
//! What goes over the wire is in `docs/protocol.md`.

mod asked;
pub mod hash;
pub mod limits;
pub mod naming;
pub mod opening;
mod outbox;
pub mod pace;
pub mod path;
pub mod receiver;
pub mod sender;

pub use hash::{Hash, Hasher};
pub use opening::{AskError, ClientOpening, Opened, OpeningError, ServerOpening};
pub use pace::Pace;
pub use path::{PathError, SafePath};
pub use receiver::{Block, Offered, ReceiveEvent, ReceiveStep, Receiver};
pub use sender::{Item, SendEvent, SendStep, Sender};
