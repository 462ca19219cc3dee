//! What the wire saw: every packet, with both of its times.

use serde::Serialize;

use crate::clock::Moment;
use crate::packet::Packet;

/// A host of a lab, by its place among the names that the lab was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HostId(pub usize);

/// One packet that crossed the wire, or did not.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The packet's number in the recording, from 1, as Wireshark counts.
    pub number: usize,
    /// Who sent it.
    pub from: HostId,
    /// Whom it was for; `None` where no host has that address.
    pub to: Option<HostId>,
    /// When it left its sender; of a copy, when the packet did of which it is one.
    pub sent: Moment,
    /// What became of it.
    pub verdict: Verdict,
    /// The rule that dropped it; else the last that made it or held it back; else the last that delayed it.
    pub rule: Option<String>,
    /// The number of the packet of which a rule made this copy.
    pub copy_of: Option<usize>,
    /// What it says; `None` where it is no IP.
    pub packet: Option<Packet>,
    /// How long the frame was.
    pub len: usize,
    /// The frame as it left, from the Ethernet header on; of a long recording only its beginning (see
    /// [`crate::recording`]).
    #[serde(skip)]
    pub frame: Vec<u8>,
}

/// What the wire did with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is still on its way.
    OnTheWay,
    /// It was handed to its receiver at this moment.
    Delivered(Moment),
    /// A rule dropped it, or nobody has its address.
    Dropped,
}

impl Record {
    /// When the receiver got it, if it did.
    pub fn delivered(&self) -> Option<Moment> {
        match self.verdict {
            Verdict::Delivered(moment) => Some(moment),
            Verdict::OnTheWay | Verdict::Dropped => None,
        }
    }
}
