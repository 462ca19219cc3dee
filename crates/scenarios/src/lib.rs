//! The demos: one file for each, and the reports of what they found.
//!
//! | question | module |
//! |---|---|
//! | What does a run give? | [`findings`] |
//! | How does a claim get its verdict? | [`claims`] |
//! | How is a run shown? | [`text`], [`ladder`], [`glyphs`], [`json`], [`html`] |
//! | How is it shown as a recording of a terminal? | [`cast`] |
//! | How wide may a report be, and may it have colours? | [`look`] |
//! | How is a recorded run read again? | [`replay`] |
//! | What differed between two runs? | [`compare`], [`side_by_side`] |
//! | How did many demos come out, and each time the same? | [`summary`] |
//! | Which hosts stay at the end, and how does one enter them? | [`keep`] |
//! | Why does TCP begin with three segments, and whose is a connection? | [`handshake`] |
//! | What defends a server against forged requests? | [`flood`] |
//! | What happens when the accept queue is full? | [`backlog`] |
//! | How does a connection end? | [`close`] |
//! | What does a server see when a client goes? | [`disconnect`] |
//! | What becomes of data that gets lost? | [`feedback`] |
//! | How does what a lab recorded become what a report shows? | [`observe`], [`sent_again`], `state_lanes` |
//! | Why is an address "already in use" that nobody uses any more? | [`reuse`] |
//! | What happens when nobody says anything? | [`silence`] |
//! | What does `recv(1024)` give, and is it text? | [`stream`] |
//! | What works without `bind`, `listen` or `accept`? | [`ports`] |
//! | What does UDP keep and lose, and is it faster? | [`datagram`] |
//! | Unix, IPv4 and IPv6: what is the same, and what is not? | [`families`] |
//! | Where are the files of a story, and who removes them? | [`scratch`] |
//! | What crosses when a file is sent, and what if its sender is killed? | [`files`] |
//! | How do people talk at the same time? | [`chat`] |
//! | What decides what is played, beside the name and the seed? | [`options`] |
//! | What is a knob? | [`knob`], [`wire_knob`] |
//! | How does a number stand in a sentence? | [`spelled`] |
//! | What if the machine was too busy for a story? | [`played_again`] |
//! | What if a story cannot be played to its end? | [`cut_short`] |
//! | How many datagrams has the wire brought to a port? | [`arrivals`] |
//! | What can be read of a reliable datagram without its keys? | [`arq_packet`] |
//! | What makes such datagrams without a socket? | `arq_endpoint` |
//! | How do two hosts talk in reliable datagrams? | [`reliable_pair`] |
//! | How do scenarios start the programs that we ship? | [`stage`] |
//! | Why does the lab not run here? | [`doctor`] |

pub mod cast;
pub mod claims;
pub mod compare;
pub mod findings;
pub mod glyphs;
pub mod html;
pub mod json;
pub mod knob;
pub mod ladder;
pub mod look;
pub mod options;
pub mod replay;
pub mod side_by_side;
pub mod spelled;
pub mod summary;
pub mod text;
mod wrap;

#[cfg(all(feature = "lab", target_os = "linux"))]
mod arq_endpoint;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod arq_packet;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod arrivals;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod backlog;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod chat;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod close;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod cut_short;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod datagram;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod disconnect;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod doctor;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod families;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod feedback;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod files;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod flood;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod handshake;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod keep;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod observe;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod played_again;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod ports;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod reliable_pair;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod reuse;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod scenario;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod scratch;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod sent_again;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod silence;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod stage;
#[cfg(all(feature = "lab", target_os = "linux"))]
mod state_lanes;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod stream;
#[cfg(all(feature = "lab", target_os = "linux"))]
pub mod wire_knob;
