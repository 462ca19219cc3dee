//! Files on disks, and transfers of them over any stream: the shell around [`files`].
//!
//! Files are read and written where the future runs that does so, which blocks it while the disk does:
//! give a transfer a thread of its own where others share the runtime.
//!
//! | question | module |
//! |---|---|
//! | What is sent, and how is it read? | [`source`] |
//! | Where is it received, and where does no path lead? | [`folder`] |
//! | What is a file while it comes, and how does it get its name? | [`incoming`] |
//! | How does a transfer go over a stream? | [`wire`], [`send`](mod@send), [`receive`](mod@receive) |
//! | When has a peer brought too little? | [`pace`] |
//! | What is told of it meanwhile? | [`told`] |
//! | How does a program tell a person how far it is? | `meter`, with the feature of this name |
//! | Why does one file not come over? | [`trouble`] |
//! | How long and how many? | [`limits`] |

pub mod folder;
pub mod incoming;
pub mod limits;
#[cfg(feature = "meter")]
pub mod meter;
pub mod pace;
pub mod receive;
pub mod send;
pub mod source;
pub mod told;
pub mod trouble;
pub mod wire;

pub use folder::Folder;
#[cfg(feature = "meter")]
pub use meter::{Direction, Meter, Progress, Teller};
pub use pace::LeastRate;
pub use receive::{Receiving, receive};
pub use send::{Sending, send};
pub use source::Source;
pub use told::{Broken, Told, Watch};
pub use trouble::Trouble;
pub use wire::{Patience, Wire};
