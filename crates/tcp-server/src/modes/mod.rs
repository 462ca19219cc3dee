//! What the `tcp-server` program can do with a connection, one file each.
//!
//! | mode | what a client gets |
//! |---|---|
//! | [`Echo`] | the bytes that it sends |
//! | [`Discard`] | nothing |
//! | [`Lines`] | an answer to each line |
//! | [`Frames`] | the frames that it sends |
//! | [`Hold`] | nothing; it is not even read from |
//! | [`Chat`] | the lines of a person at the server, one client at a time |
//! | `Files`, behind the feature `files` | the files of a folder, or a place for its own |

mod chat;
mod discard;
mod echo;
#[cfg(feature = "files")]
mod files;
mod frames;
mod hold;
mod lines;

pub use chat::{Chat, Ear, Spoken, Word};
pub use discard::Discard;
pub use echo::Echo;
#[cfg(feature = "files")]
pub use files::{Clerk, Files, Share};
pub use frames::Frames;
pub use hold::Hold;
pub use lines::Lines;
