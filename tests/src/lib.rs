//! What tests of programs share: programs that run, peers for them, and a limit on every wait.
//!
//! | question | module |
//! |---|---|
//! | Where is the program under test, and is it fresh? | [`program`](mod@program) |
//! | How is a program started, watched and ended? | [`running`] |
//! | How is a `tcp-server` started, and what does it say? | [`server`] |
//! | What if a program of others is not installed? | [`foreign`](mod@foreign) |
//! | How does a page look to its reader? | [`browser`] |
//! | Which processes has a program started, and which of them are left? | [`family`] |
//! | Which sockets of the test does a program meet? | [`sockets`] |
//! | Whose certificate does a program meet? | [`certificates`] |
//! | Where does a test put its files? | [`directory`] |
//! | Does every flag say what holds without it? | [`help`] |
//! | What does one send to see that nothing is lost? | [`noise`](mod@noise) |
//!
//! ```no_run
//! use tests::{Running, Server, piped, program};
//!
//! let mut server = Server::start(&["--mode", "lines"]);
//! let mut client = Running::start(&mut piped(program("tcp-client"), &[server.addr()]));
//! client.write("你好\n".as_bytes());
//! client.stdout.wait_for("6 bytes, 2 characters: 你好\n");
//! client.close_stdin();
//! client.finish().silent();
//! assert_eq!(server.take("closed")["ending"], "PeerFin");
//! ```
//!
//! Nothing here waits for longer than [`LIMIT`] unless it is told to, and nothing that was started
//! outlives the value that stands for it. What goes wrong is a panic: a test that cannot set itself up
//! has failed.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

pub mod browser;
pub mod certificates;
pub mod directory;
pub mod family;
pub mod foreign;
pub mod help;
pub mod noise;
pub mod program;
pub mod running;
pub mod server;
pub mod sockets;

pub use browser::{Browser, Page, Sight};
pub use certificates::Authority;
pub use directory::Directory;
pub use foreign::{foreign, python, skip};
pub use noise::noise;
pub use program::program;
pub use running::{Finished, LIMIT, Output, Running, piped};
pub use server::Server;
