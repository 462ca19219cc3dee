//! What frames are for, and the byte that says so.

use crate::frame::MIN_LENGTH;
use crate::limits::MAX_CONTROL_PAYLOAD;

/// The largest `length` of a control frame.
#[expect(clippy::cast_possible_truncation, reason = "the limit is far below 4 GiB")]
const MAX_CONTROL_LENGTH: u32 = MIN_LENGTH + MAX_CONTROL_PAYLOAD as u32;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Opaque bytes of a person to a room.
    Data,
    /// Control: the first frame of a client.
    Hello,
    /// Control: the relay's answer to `Hello`.
    Welcome,
    /// Control: a run of data frames was taken.
    Ack,
    /// Control: the last frame before an end, with the reason.
    Goodbye,
    /// Control: a client wishes to be in a room.
    Join,
    /// Control: the relay's answer to `Join`; what was said before follows it.
    Joined,
    /// Control: a client wishes to be in a room no longer.
    Leave,
    /// Control: the relay's answer to `Leave`.
    Left,
    /// Control: somebody came into a room, left it, or goes by another name.
    Presence,
    /// Control: the relay does not do what was asked, and goes on.
    Refused,
    /// Control: a client wishes to go by another name, and the relay's word that it does.
    Rename,
    /// Control: a client says which way files go.
    Begin,
    /// Control: a sender of files says how much it is going to offer.
    Batch,
    /// Control: a sender offers a file or a folder.
    Offer,
    /// Control: a receiver asks for a file.
    Take,
    /// Control: all of a file was sent.
    Sent,
    /// Control: a file is there, whole and checked.
    Kept,
    /// Control: a file does not come over.
    Dropped,
    /// Control: one side reads for long what it has of a file.
    Busy,
    /// Control: no more files are offered, and the answer when all have come to their end.
    Over,
    /// Control: something that was asked for, or is below it, is not offered.
    Missing,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 22] = [
        Self::Data,
        Self::Hello,
        Self::Welcome,
        Self::Ack,
        Self::Goodbye,
        Self::Join,
        Self::Joined,
        Self::Leave,
        Self::Left,
        Self::Presence,
        Self::Refused,
        Self::Rename,
        Self::Begin,
        Self::Batch,
        Self::Offer,
        Self::Take,
        Self::Sent,
        Self::Kept,
        Self::Dropped,
        Self::Busy,
        Self::Over,
        Self::Missing,
    ];

    /// The byte on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Data => 0x01,
            Self::Hello => 0x10,
            Self::Welcome => 0x11,
            Self::Ack => 0x12,
            Self::Goodbye => 0x13,
            Self::Join => 0x14,
            Self::Joined => 0x15,
            Self::Leave => 0x16,
            Self::Left => 0x17,
            Self::Presence => 0x18,
            Self::Refused => 0x19,
            Self::Rename => 0x1a,
            Self::Begin => 0x20,
            Self::Batch => 0x21,
            Self::Offer => 0x22,
            Self::Take => 0x23,
            Self::Sent => 0x24,
            Self::Kept => 0x25,
            Self::Dropped => 0x26,
            Self::Busy => 0x27,
            Self::Over => 0x28,
            Self::Missing => 0x29,
        }
    }

    /// The kind with this byte, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x01 => Some(Self::Data),
            0x10 => Some(Self::Hello),
            0x11 => Some(Self::Welcome),
            0x12 => Some(Self::Ack),
            0x13 => Some(Self::Goodbye),
            0x14 => Some(Self::Join),
            0x15 => Some(Self::Joined),
            0x16 => Some(Self::Leave),
            0x17 => Some(Self::Left),
            0x18 => Some(Self::Presence),
            0x19 => Some(Self::Refused),
            0x1a => Some(Self::Rename),
            0x20 => Some(Self::Begin),
            0x21 => Some(Self::Batch),
            0x22 => Some(Self::Offer),
            0x23 => Some(Self::Take),
            0x24 => Some(Self::Sent),
            0x25 => Some(Self::Kept),
            0x26 => Some(Self::Dropped),
            0x27 => Some(Self::Busy),
            0x28 => Some(Self::Over),
            0x29 => Some(Self::Missing),
            _ => None,
        }
    }

    /// Whether the payload is one of the messages of [`crate::message`] and [`crate::transfer`].
    pub const fn is_control(self) -> bool {
        !matches!(self, Self::Data)
    }

    /// The largest length of a frame of this kind, where `max_length` is that of all frames.
    pub(crate) const fn max_length(self, max_length: u32) -> u32 {
        if self.is_control() && max_length > MAX_CONTROL_LENGTH {
            MAX_CONTROL_LENGTH
        } else {
            max_length
        }
    }
}
