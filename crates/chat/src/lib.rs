//! What a person in a chat sees, and what becomes of the lines that he types.
//!
//! [`Chat`] is a state machine: lines typed, frames received, connections made and lost go in; frames to
//! send, events to show and the next step come out. It owns no socket, clock or thread, which its
//! manifest and its `clippy.toml` enforce, so that a program with a terminal, one in a pipe and a test
//! with simulated time drive the same code.
//!
//! | question | module |
//! |---|---|
//! | What happens in which order? | [`session`] |
//! | What becomes of a line that the relay has not taken? | [`unsent`] |
//! | Was this frame shown before? | `seen` |
//! | What does a typed line ask for? | [`command`] |
//! | How do lines come out of what is typed? | [`lines`] |
//! | How do frames come out of what a relay sends? | [`incoming`] |
//! | What is a person told? | [`event`] |
//! | How is he told why a connection ended? | [`endings`] |
//! | How does it look in a line of text, and as an object of JSON? | [`show`], [`json`] |
//! | How large, how many, how long? | [`limits`] |

pub mod command;
pub mod endings;
pub mod event;
pub mod incoming;
pub mod json;
pub mod limits;
pub mod lines;
mod seen;
pub mod session;
pub mod show;
pub mod unsent;

pub use command::Command;
pub use event::{Event, Notice};
pub use incoming::{Incoming, IncomingError};
pub use lines::{Line, Lines};
pub use session::{Chat, Outcome, Settings, Step};
