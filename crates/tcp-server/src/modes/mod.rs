//! What the `tcp-server` program can do with a connection, one file each.
//!
//! | mode | what a client gets |
//! |---|---|
//! | [`Echo`] | the bytes that it sends |
//! | [`Discard`] | nothing |
//! | [`Chargen`] | lines of characters without end |
//! | [`Lines`] | an answer to each line |
//! | [`Frames`] | the frames that it sends |
//! | [`Hold`] | nothing; it is not even read from |
//! | [`Stdio`] | whatever is read elsewhere; what it sends goes there |
//! | [`Chat`] | the lines of a person at the server, one client at a time |
//! | `Files`, behind the feature `files` | the files of a folder, or a place for its own |

mod chargen;
mod chat;
mod discard;
mod echo;
#[cfg(feature = "files")]
mod files;
mod frames;
mod hold;
mod lines;
mod stdio;

pub use chargen::Chargen;
pub use chat::{Chat, Ear, Spoken, Word};
pub use discard::Discard;
pub use echo::Echo;
#[cfg(feature = "files")]
pub use files::{Clerk, Files, Share};
pub use frames::Frames;
pub use hold::Hold;
pub use lines::Lines;
pub use stdio::{Ends, Stdio};
