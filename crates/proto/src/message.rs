//! What the control frames say.
//!
//! A control frame carries one JSON object, so that a capture can be read by eye and a field can be
//! added: a reader skips fields that it does not know, and a field that may be absent has a default.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::frame::{Frame, FrameError, Header, Kind};
use crate::limits::{MAX_CITED, MAX_CONTROL_PAYLOAD, MAX_FRAME_LENGTH};
use crate::transfer::{Batch, Begin, Busy, Dropped, Kept, Missing, Offer, Over, Sent, Take};

/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;

/// A client's first frame: who it is and what it can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version that the client speaks.
    pub version: u16,
    /// The name it wishes to go by; the relay picks one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The longest frame that the client takes, as the length field counts.
    #[serde(default = "default_max_frame")]
    pub max_frame: u32,
    /// What else the client can do, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// The relay's answer to [`Hello`]: what was settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both will speak.
    pub version: u16,
    /// The number that the client goes by in `from`.
    pub you: u32,
    /// The name that the client goes by.
    pub name: String,
    /// Which count of numbers this is. Where it is another than before, the relay has lost what it knew:
    /// the numbers of people and rooms, and `seq`s, mean others than they did.
    #[serde(default)]
    pub epoch: u64,
    /// The longest frame that the relay takes, as the length field counts.
    #[serde(default = "default_max_frame")]
    pub max_frame: u32,
    /// What both can do, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// A run of data frames was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The room of the run.
    pub room: u32,
    /// The sender's number of the first frame.
    pub id: u64,
    /// How many frames the run has.
    pub count: u32,
    /// The place in the room's order that the first frame got.
    pub seq: u64,
}

/// The last frame before the sender ends the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The name of the ending, as [`crate::Ending::name`] gives it.
    pub ending: String,
    /// The same for a person.
    #[serde(default)]
    pub reason: String,
}

/// A client wishes to go by another name; the relay answers with the same, as it writes it, or with
/// [`Refused`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    /// The name.
    pub name: String,
}

/// A client wishes to be in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The room's name.
    pub room: String,
    /// Whether what is said there is to be sent to the client. One that only speaks does without.
    #[serde(default = "yes")]
    pub listen: bool,
}

/// The client is in the room. The frames of the past follow, then those of the present, without a seam.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The room's number.
    pub room: u32,
    /// The room's name.
    pub name: String,
    /// The place in the room's order that was given out last; 0 where nothing has been said.
    pub seq: u64,
    /// How many frames of the past follow; the last of them has the place `seq`.
    #[serde(default)]
    pub past: u32,
    /// Who is in the room, the client included.
    #[serde(default)]
    pub people: Vec<Person>,
}

/// Somebody who talks through a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The number in `from`.
    pub id: u32,
    /// The name.
    pub name: String,
}

/// A client wishes to be in a room no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The room's number.
    pub room: u32,
}

/// The client is in the room no longer; nothing of it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The room's number.
    pub room: u32,
}

/// Somebody came into a room, left it, or goes by another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The room's number.
    pub room: u32,
    /// Who.
    pub person: Person,
    /// What they did.
    pub change: Change,
    /// How the connection ended, as [`crate::Ending::name`] gives it, where that is why they left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<String>,
}

/// What somebody did in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// Came in.
    Joined,
    /// Left.
    Left,
    /// Goes by another name, which is the one in the message.
    Renamed,
}

/// The relay does not do what was asked, and goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why, as a word that a program can compare.
    pub why: Why,
    /// The same for a person.
    pub reason: String,
    /// The room's number, where a data frame was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<u32>,
    /// The sender's number of the data frame that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

/// Why a relay refuses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// Somebody goes by the name, or by one that looks the same.
    NameTaken,
    /// The name is empty, too long, or has characters that no name has.
    NameBad,
    /// The room's name is empty, too long, or has characters that no name has.
    RoomBad,
    /// The client is in as many rooms as it may be, or there are as many as there may be.
    TooManyRooms,
    /// As many people are in the room as may be.
    RoomFull,
    /// The client is not in the room that it speaks to, or wishes to leave.
    NotJoined,
    /// The server does not let files go this way.
    WrongWay,
    /// Something that this version of the program does not know.
    #[serde(other)]
    Other,
}

/// Every message that a control frame can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// See [`Hello`].
    Hello(Hello),
    /// See [`Welcome`].
    Welcome(Welcome),
    /// See [`Ack`].
    Ack(Ack),
    /// See [`Goodbye`].
    Goodbye(Goodbye),
    /// See [`Join`].
    Join(Join),
    /// See [`Joined`].
    Joined(Joined),
    /// See [`Leave`].
    Leave(Leave),
    /// See [`Left`].
    Left(Left),
    /// See [`Presence`].
    Presence(Presence),
    /// See [`Refused`].
    Refused(Refused),
    /// See [`Rename`].
    Rename(Rename),
    /// See [`Begin`].
    Begin(Begin),
    /// See [`Batch`].
    Batch(Batch),
    /// See [`Offer`].
    Offer(Offer),
    /// See [`Take`].
    Take(Take),
    /// See [`Sent`].
    Sent(Sent),
    /// See [`Kept`].
    Kept(Kept),
    /// See [`Dropped`].
    Dropped(Dropped),
    /// See [`Busy`].
    Busy(Busy),
    /// See [`Over`].
    Over(Over),
    /// See [`Missing`].
    Missing(Missing),
}

/// Why a control frame is not a message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError {
    /// The frame is a data frame.
    #[error("a data frame is no message")]
    NotControl,
    /// The payload is longer than any message.
    #[error("a control frame of {len} bytes is longer than the limit of {MAX_CONTROL_PAYLOAD}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The payload is not the JSON that the kind asks for.
    #[error("the {kind:?} frame cannot be read: {reason}")]
    Json {
        /// The kind of the frame.
        kind: Kind,
        /// What the reader of JSON says.
        reason: String,
    },
}

impl Message {
    /// The kind of the frame that carries it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hello(_) => Kind::Hello,
            Self::Welcome(_) => Kind::Welcome,
            Self::Ack(_) => Kind::Ack,
            Self::Goodbye(_) => Kind::Goodbye,
            Self::Join(_) => Kind::Join,
            Self::Joined(_) => Kind::Joined,
            Self::Leave(_) => Kind::Leave,
            Self::Left(_) => Kind::Left,
            Self::Presence(_) => Kind::Presence,
            Self::Refused(_) => Kind::Refused,
            Self::Rename(_) => Kind::Rename,
            Self::Begin(_) => Kind::Begin,
            Self::Batch(_) => Kind::Batch,
            Self::Offer(_) => Kind::Offer,
            Self::Take(_) => Kind::Take,
            Self::Sent(_) => Kind::Sent,
            Self::Kept(_) => Kind::Kept,
            Self::Dropped(_) => Kind::Dropped,
            Self::Busy(_) => Kind::Busy,
            Self::Over(_) => Kind::Over,
            Self::Missing(_) => Kind::Missing,
        }
    }

    /// Appends the message to `out` as one frame.
    ///
    /// Fails with [`FrameError::TooLong`] where a name or a reason makes it longer than the
    /// [`MAX_CONTROL_PAYLOAD`] that the other side would take.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), FrameError> {
        Header::new(self.kind(), 0, 0).encode(&self.payload(), MAX_FRAME_LENGTH, out)
    }

    /// Reads the message that a control frame carries.
    pub fn from_frame(frame: &Frame) -> Result<Self, MessageError> {
        let payload = &frame.payload;
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(MessageError::TooLong { len: payload.len() });
        }
        let kind = frame.header.kind;
        let json = |error| MessageError::Json { kind, reason: words(&error) };
        match kind {
            Kind::Data => Err(MessageError::NotControl),
            Kind::Hello => serde_json::from_slice(payload).map(Self::Hello).map_err(json),
            Kind::Welcome => serde_json::from_slice(payload).map(Self::Welcome).map_err(json),
            Kind::Ack => serde_json::from_slice(payload).map(Self::Ack).map_err(json),
            Kind::Goodbye => serde_json::from_slice(payload).map(Self::Goodbye).map_err(json),
            Kind::Join => serde_json::from_slice(payload).map(Self::Join).map_err(json),
            Kind::Joined => serde_json::from_slice(payload).map(Self::Joined).map_err(json),
            Kind::Leave => serde_json::from_slice(payload).map(Self::Leave).map_err(json),
            Kind::Left => serde_json::from_slice(payload).map(Self::Left).map_err(json),
            Kind::Presence => serde_json::from_slice(payload).map(Self::Presence).map_err(json),
            Kind::Refused => serde_json::from_slice(payload).map(Self::Refused).map_err(json),
            Kind::Rename => serde_json::from_slice(payload).map(Self::Rename).map_err(json),
            Kind::Begin => serde_json::from_slice(payload).map(Self::Begin).map_err(json),
            Kind::Batch => serde_json::from_slice(payload).map(Self::Batch).map_err(json),
            Kind::Offer => serde_json::from_slice(payload).map(Self::Offer).map_err(json),
            Kind::Take => serde_json::from_slice(payload).map(Self::Take).map_err(json),
            Kind::Sent => serde_json::from_slice(payload).map(Self::Sent).map_err(json),
            Kind::Kept => serde_json::from_slice(payload).map(Self::Kept).map_err(json),
            Kind::Dropped => serde_json::from_slice(payload).map(Self::Dropped).map_err(json),
            Kind::Busy => serde_json::from_slice(payload).map(Self::Busy).map_err(json),
            Kind::Over => serde_json::from_slice(payload).map(Self::Over).map_err(json),
            Kind::Missing => serde_json::from_slice(payload).map(Self::Missing).map_err(json),
        }
    }

    fn payload(&self) -> Bytes {
        let json = match self {
            Self::Hello(hello) => serde_json::to_vec(hello),
            Self::Welcome(welcome) => serde_json::to_vec(welcome),
            Self::Ack(ack) => serde_json::to_vec(ack),
            Self::Goodbye(goodbye) => serde_json::to_vec(goodbye),
            Self::Join(join) => serde_json::to_vec(join),
            Self::Joined(joined) => serde_json::to_vec(joined),
            Self::Leave(leave) => serde_json::to_vec(leave),
            Self::Left(left) => serde_json::to_vec(left),
            Self::Presence(presence) => serde_json::to_vec(presence),
            Self::Refused(refused) => serde_json::to_vec(refused),
            Self::Rename(rename) => serde_json::to_vec(rename),
            Self::Begin(begin) => serde_json::to_vec(begin),
            Self::Batch(batch) => serde_json::to_vec(batch),
            Self::Offer(offer) => serde_json::to_vec(offer),
            Self::Take(take) => serde_json::to_vec(take),
            Self::Sent(sent) => serde_json::to_vec(sent),
            Self::Kept(kept) => serde_json::to_vec(kept),
            Self::Dropped(dropped) => serde_json::to_vec(dropped),
            Self::Busy(busy) => serde_json::to_vec(busy),
            Self::Over(over) => serde_json::to_vec(over),
            Self::Missing(missing) => serde_json::to_vec(missing),
        };
        json.expect("plain structs of numbers and strings always serialize").into()
    }
}

/// What the reader of JSON says, cut where it cites too much of what the peer sent.
fn words(error: &serde_json::Error) -> String {
    let mut words = error.to_string();
    if words.len() > MAX_CITED {
        // The end says where in the JSON it went wrong, which the kind of error does not need.
        let end = (0..=MAX_CITED).rev().find(|&end| words.is_char_boundary(end));
        words.truncate(end.unwrap_or_default());
        words.push_str("...");
    }
    words
}

fn yes() -> bool {
    true
}

fn default_max_frame() -> u32 {
    MAX_FRAME_LENGTH
}
