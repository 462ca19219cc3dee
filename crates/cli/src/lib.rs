//! What every program's command line shares, written once.
//!
//! | question | module |
//! |---|---|
//! | Which code does a program exit with? | [`exit`] |
//! | How does it say what went wrong, and what to do? | [`failure`] |
//! | What does `--format json` print? | [`events`] |
//! | How is JSON written that no terminal obeys? | `harmless` |
//! | How are times and sizes written? | [`values`] |
//! | Which flags does every program have? | [`args`] |
//! | What do a shell and man(1) know of a program? | `manual` |
//! | What did the user mean who wrote a name wrong? | [`nearest`] |
//! | What does a wrong command line end with? | [`mod@parse`] |
//! | What happens when nobody reads its output? | [`output`] |
//! | How does a server tell what it does, and wait for no reader? | [`voice`], [`scribe`] |
//! | How does a program end that a signal ends? | [`signals`] |
//! | Is this the peer that it was last time? | [`known_peers`] |

pub mod args;
pub mod events;
pub mod exit;
pub mod failure;
mod harmless;
pub mod known_peers;
mod manual;
pub mod nearest;
pub mod output;
pub mod parse;
pub mod scribe;
pub mod signals;
pub mod values;
pub mod voice;

pub use args::{CommonArgs, Format};
pub use events::Events;
pub use exit::Exit;
pub use failure::Failure;
pub use known_peers::KnownPeers;
pub use parse::parse;
pub use scribe::Scribe;
pub use voice::Voice;
