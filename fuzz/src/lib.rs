//! What mutated bytes are given to: one small target for each parser and each state machine.
//!
//! A target takes any bytes and panics if something is not as it must be. libFuzzer calls it through
//! `cargo xtask fuzz`, with what it makes of the seeds in `seeds/`; `cargo test -p fuzz` calls it with
//! the seeds as they are, so no target rots.
//!
//! | target | what the bytes are |
//! |---|---|
//! | [`arq_first_packet`] | datagrams of strangers, to an endpoint that answers and one that calls |
//! | [`arq_frames`] | frames of a peer with keys |
//! | [`arq_connection`] | what becomes of each datagram between two honest peers |
//! | [`chat_session`] | frames of a relay, and what a person types |
//! | [`files_path`] | a path that a sender has chosen |
//! | [`files_receiver`], [`files_sender`] | what the other side of a file transfer says |
//! | [`proto_decoder`] | a stream of frames, and how it is split |
//! | [`proto_message`] | the JSON of a control frame |
//! | [`proto_address`] | an address as somebody writes it |
//! | [`relay_clients`] | what clients of a relay say, in frames and in lines |
//! | [`scenarios_replay`] | a recorded run |

pub mod arq_connection;
pub mod arq_first_packet;
pub mod arq_frames;
pub mod chat_session;
pub mod files_path;
pub mod files_receiver;
pub mod files_sender;
mod input;
mod outsider;
pub mod proto_address;
pub mod proto_decoder;
pub mod proto_message;
pub mod relay_clients;
pub mod scenarios_replay;

// The simulation of `arq`, whose peers check what must hold at every step.
#[allow(dead_code, reason = "the simulation has more nodes than are met here")]
#[path = "../../crates/arq/tests/simulation/node.rs"]
mod node;
#[allow(clippy::unwrap_used, reason = "what cannot be set up is a finding")]
#[allow(dead_code, reason = "the simulation asks its peers for more")]
#[path = "../../crates/arq/tests/simulation/peer.rs"]
mod peer;
#[path = "../../crates/arq/tests/simulation/ring.rs"]
mod ring;

// Where what a relay sends goes, with its bounds.
#[allow(dead_code, reason = "the simulation asks more of it")]
#[path = "../../crates/relay/tests/simulation/wire.rs"]
mod wire;

/// What takes the bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its module.
pub const TARGETS: &[(&str, Target)] = &[
    ("arq_connection", arq_connection::run),
    ("arq_first_packet", arq_first_packet::run),
    ("arq_frames", arq_frames::run),
    ("chat_session", chat_session::run),
    ("files_path", files_path::run),
    ("files_receiver", files_receiver::run),
    ("files_sender", files_sender::run),
    ("proto_address", proto_address::run),
    ("proto_decoder", proto_decoder::run),
    ("proto_message", proto_message::run),
    ("relay_clients", relay_clients::run),
    ("scenarios_replay", scenarios_replay::run),
];
