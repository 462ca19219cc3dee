//! The bytes on the wire, as pure values.
//!
//! Bytes go in, values come out: this crate owns no socket, clock, thread or random source, which its
//! manifest and its `clippy.toml` enforce, so that everything in it can be tested with any bytes in any
//! order.
//!
//! | question | module |
//! |---|---|
//! | What does a frame look like? | [`frame`] |
//! | What is it for? | `kind` |
//! | How do frames come out of a stream of bytes? | [`decoder`] |
//! | How much memory do waiting bytes take? | `read_buffer` |
//! | How are many frames stamped and sent on without a copy? | [`run`] |
//! | What do the control frames say? | [`message`] |
//! | And those of a file transfer? | [`transfer`] |
//! | How did a connection end? | [`ending`] |
//! | How is an address written? | [`address`] |
//! | What of a peer's text may reach a terminal? | [`sanitize`], [`visible`] |
//! | How large may anything become? | [`limits`] |

pub mod address;
pub mod decoder;
pub mod ending;
pub mod frame;
mod kind;
pub mod limits;
pub mod message;
mod read_buffer;
pub mod run;
pub mod sanitize;
pub mod transfer;
pub mod visible;

pub use address::{Address, AddressError};
pub use decoder::{Decoder, Taken};
pub use ending::{Ending, ProtocolError, TlsFault};
pub use frame::{Flags, Frame, FrameError, Header, Kind};
pub use message::{
    Ack, Change, Goodbye, Hello, Join, Joined, Leave, Left, Message, MessageError, Person,
    Presence, Refused, Rename, Welcome, Why,
};
pub use run::Run;
