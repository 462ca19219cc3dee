//! Rooms and the people who talk in them.
//!
//! ```text
//! bytes -> Decoder (run of frames) -> session: check, answer -> room: stamp, order, keep
//!       -> one shared slice to every member's outbox -> vectored write
//! ```
//!
//! Everything up to the outbox is pure: no socket, clock or thread, and time is an argument. The shell is
//! one task for each connection, and a lock around the hub. Frames go on as the very bytes that were
//! read; lines are rendered once for all who read lines.
//!
//! | question | module |
//! |---|---|
//! | Who is here, and what do people do to each other? | [`hub`] |
//! | How does what is said reach everybody, in one order? | `room` |
//! | What does who joins get to read? | `past` |
//! | What may a client of frames say, and when? | [`session`] |
//! | What may a client of lines type? | [`line_session`], `lines` |
//! | What does the relay itself say? | `control` |
//! | What is a clean name, and when do two look the same? | [`names`] |
//! | What happens to a slow reader, and who waits for it? | [`outbox`], `mailbox`, `pause` |
//! | What does a connection's task do? | `talk`, `alarm` |
//! | Which kind of client is it? | `input` |
//! | How does the relay start and stop? | [`serve`](mod@serve) |
//! | How large, how many, how long? | [`limits`] |

mod alarm;
mod control;
pub mod hub;
mod input;
pub mod limits;
pub mod line_session;
mod lines;
mod mailbox;
pub mod names;
pub mod outbox;
pub mod outlet;
mod past;
mod pause;
mod refusal;
mod room;
pub mod serve;
pub mod session;
mod talk;

pub use hub::{Event, Hub};
pub use limits::Limits;
pub use outbox::{Level, Outbox, Parcel};
pub use outlet::{Behind, Dialect, Outlet, Said};
pub use refusal::Refusal;
pub use serve::{Config, Observer, serve};
pub use session::Session;
