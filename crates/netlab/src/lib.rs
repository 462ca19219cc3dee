//! A network of kernel namespaces in one process, without root, that records what it does.
//!
//! ```text
//!   host "client"                     wire                      host "server"
//!   own netns, thread       own netns, thread, recorder         own netns, thread
//!   eth0 10.0.0.1  <-veth-> w0  ring | rules | send  w1 <-veth-> eth0 10.0.0.2
//! ```
//!
//! The kernel's own TCP and UDP run in every host; only the link between them is ours. The wire reads
//! each frame from one end, decides by its rules, records when the frame was sent, when it was delivered
//! or which rule dropped it, and sends it to the other end. A loss therefore happens where losses
//! happen, between the hosts: a drop at the sender's own output is told to its TCP, which then behaves
//! as on no real network.
//!
//! | question | module |
//! |---|---|
//! | How does a process get namespaces without root, and what if it may not? | [`mod@enter`], [`refusal`] |
//! | What is a host, and how does code or a program run in it? | [`host`], [`program`], [`family`], [`privilege`] |
//! | How are links made and set up? | [`link`] |
//! | What does the wire do with a frame? | [`wire`], [`rule`], [`record`], [`recording`], [`packet`] |
//! | How does one send what no socket would? | [`inject`] |
//! | What did the kernel count, and which sockets has it? | [`counters`], [`sockets`], [`tcp_info`], [`udp_sockets`] |
//! | What became of a queue, a connection or all sockets over time? | [`queue_watch`], [`connection_watch`], [`socket_watch`], [`state_watch`] |
//! | How does Wireshark read a recording? | [`pcapng`] |
//!
//! Linux only: elsewhere the crate is empty.
#![cfg(target_os = "linux")]

pub mod clock;
pub mod connection_watch;
pub mod counters;
pub mod enter;
pub mod family;
mod frame_sender;
pub mod host;
pub mod inject;
pub mod lab;
pub mod level;
pub mod link;
mod netlink;
pub mod packet;
mod packet_ring;
mod packet_socket;
pub mod pcapng;
pub mod privilege;
pub mod program;
pub mod queue_watch;
pub mod record;
pub mod recording;
pub mod refusal;
pub mod rule;
mod sampling;
mod schedule;
mod sock_diag;
pub mod socket_watch;
pub mod sockets;
pub mod state_watch;
pub mod tcp_info;
pub mod udp_sockets;
pub mod wire;

pub use clock::Clock;
pub use counters::Counters;
pub use enter::{HeldSignals, enter, enter_holding_signals};
pub use family::Family;
pub use host::Host;
pub use inject::{Injector, Segment};
pub use lab::{Lab, LabError, LabOptions};
pub use level::Level;
pub use packet::{Packet, Tcp, TcpFlags, Transport};
pub use program::Program;
pub use record::{HostId, Record, Verdict};
pub use refusal::{Refusal, Step};
pub use rule::{Action, Rule};
pub use socket_watch::SocketWatch;
pub use sockets::{TcpSocket, TcpState, Timer};
pub use tcp_info::TcpInfo;
pub use wire::Wire;
