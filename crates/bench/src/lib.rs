//! Our programs and crates beside their peers, on the same work, in the same run.
//!
//! The `bench` program, which `cargo xtask bench` builds and starts, has one bench per file and shares
//! the rest:
//!
//! | question | module |
//! |---|---|
//! | How fast are frames found and stamped? | [`framing`] |
//! | What do limits and accounting cost `tcp-server`? | [`tcp`] |
//! | What does the relay deliver, and at what cost? | [`relay`] |
//! | What does the lab's wire carry? | [`wire`] |
//! | How do contenders take turns? | [`rounds`] |
//! | What does a row say, and when is its goal met? | [`row`] |
//! | What are a median and its range? | [`figures`] |
//! | How long does a run take, and who hears of its steps? | [`session`] |
//! | What is printed at the end? | [`report`] |
//! | How does a table get into a document? | [`publish`] |
//! | On what was it measured? | [`machine`] |
//! | How many cores does a process use? | [`cpu`] |
//! | Who runs on which core? | [`cores`] |
//! | How much memory does it take for a connection? | [`memory`] |
//! | Which programs are there that are not ours? | [`programs`] |
//! | How is a server started, watched and ended? | [`server`] |
//! | Who puts load on it? | [`load`] |
//! | Beside which server is ours measured, where there is no other? | [`bare_echo`] |

pub mod bare_echo;
pub mod cores;
pub mod cpu;
pub mod figures;
pub mod framing;
pub mod load;
pub mod machine;
pub mod memory;
pub mod programs;
pub mod publish;
pub mod relay;
pub mod report;
pub mod rounds;
pub mod row;
pub mod server;
pub mod session;
pub mod tcp;
pub mod wire;
