//! What an endpoint tells its owner.

use std::fmt;
use std::net::SocketAddr;

use thiserror::Error;

use crate::channel::Channel;
use crate::identity::PublicKey;

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Both sides have keys, and the peer has proven to own this one. Whether it is the right one is
    /// for the owner to say, before it sends anything.
    Established {
        /// The key that the peer owns.
        peer: PublicKey,
        /// Whether the peer opened the connection.
        incoming: bool,
    },
    /// A message can be read from the channel. It is told again after a read that found none.
    Readable(Channel),
    /// An unreliable message can be read. It is told again after a read that found none.
    UnreliableReadable,
    /// The peer has the message: it is in the peer's memory, and the peer's owner can read it even if
    /// the connection breaks now. On an ordered channel it has all those before it too.
    Confirmed {
        /// The channel of the message.
        channel: Channel,
        /// The number that [`crate::Endpoint::send`] gave it.
        number: u64,
    },
    /// There is room for messages again after [`SendError::Full`].
    Writable,
    /// The peer has proven to have another address now.
    Moved {
        /// The address.
        to: SocketAddr,
    },
    /// The connection is over. What was complete can still be read.
    Ended {
        /// How.
        end: End,
        /// How many of our reliable messages were not confirmed: the peer may have them or not.
        unconfirmed: usize,
    },
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum End {
    /// We closed it.
    #[error("closed")]
    Closed,
    /// The peer closed it, with a code and a reason.
    #[error("closed by the peer: {reason} (code {code})")]
    ClosedByPeer {
        /// The peer's code; see [`CloseCode`].
        code: u64,
        /// The peer's words, which may be any.
        reason: String,
    },
    /// Nothing was heard of the peer for too long.
    #[error("nothing was heard of the peer for too long")]
    Silence,
    /// Nobody answered the first packet, or not with what follows.
    #[error("no answer")]
    NoAnswer,
    /// The peer called us while we called it, and that connection is there: it was told as
    /// [`Event::Established`] before.
    #[error("the peer has opened a connection at the same time")]
    Crossed,
    /// Who answers does not have the key that was expected of it.
    #[error("who answers does not have the expected key")]
    WrongKey,
    /// The peer did what no implementation of the protocol does.
    #[error("the peer broke the protocol: {0}")]
    Protocol(Fault),
}

/// What a peer did that no implementation of the protocol does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// A packet was opened that holds no frames, or such as do not exist.
    #[error("a packet that cannot be read")]
    Malformed,
    /// It acknowledged a packet that was never sent.
    #[error("an acknowledgement of what was never sent")]
    NeverSent,
    /// It sent a part of a message that fits nowhere.
    #[error("a part of a message that does not fit")]
    BadPiece,
    /// It sent more than it was granted.
    #[error("more than was granted")]
    Credit,
}

/// The codes of a Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// All was said.
    Done,
    /// The other side broke the protocol.
    Protocol,
    /// The other side's key is not wanted here.
    Refused,
}

impl CloseCode {
    /// How it is written on the wire.
    pub fn number(self) -> u64 {
        match self {
            Self::Done => 0,
            Self::Protocol => 1,
            Self::Refused => 2,
        }
    }
}

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// It is longer than any message may be.
    #[error("a message of {len} bytes is longer than {limit}")]
    TooLong {
        /// Its length.
        len: usize,
        /// The longest.
        limit: usize,
    },
    /// Too much waits already; [`Event::Writable`] tells when there is room again.
    #[error("too much waits for being confirmed")]
    Full,
    /// The connection is not established, is closing, or is not there at all.
    #[error("the connection is not open")]
    NotOpen,
}

/// What a connection has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams that were sent, and their bytes.
    pub sent: u64,
    /// Bytes of them.
    pub sent_bytes: u64,
    /// Packets that were opened for the first time.
    pub received: u64,
    /// Bytes of their datagrams.
    pub received_bytes: u64,
    /// Packets that were opened already, or are too old to tell.
    pub repeats: u64,
    /// Packets that could not be opened: damaged, or forged.
    pub unopened: u64,
    /// Packets that were taken for lost.
    pub lost: u64,
    /// Packets of these that were only late.
    pub late: u64,
    /// Times that the peer was asked although the window was full: because nothing was heard, or because
    /// it had moved.
    pub probes: u64,
    /// Bytes of messages that were sent again.
    pub again_bytes: u64,
    /// Unreliable messages that found no place in a queue, ours for sending and ours for reading.
    pub dropped: u64,
    /// Times that our key was changed.
    pub key_changes: u64,
    /// Times that the peer moved.
    pub moves: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sent {} ({} bytes, {} again), received {} ({} bytes), lost {} (late {}), probes {}, \
             repeats {}, unopened {}, dropped {}, key changes {}, moves {}",
            self.sent,
            self.sent_bytes,
            self.again_bytes,
            self.received,
            self.received_bytes,
            self.lost,
            self.late,
            self.probes,
            self.repeats,
            self.unopened,
            self.dropped,
            self.key_changes,
            self.moves,
        )
    }
}

/// Where a connection stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Bytes of packets that want an answer and have none.
    pub in_flight: usize,
    /// How many may be, for new packets; probes go beyond it.
    pub window: usize,
    /// The smoothed round trip, once there was one.
    pub round_trip: Option<std::time::Duration>,
    /// The shortest round trip.
    pub min_round_trip: Option<std::time::Duration>,
    /// Where the peer is.
    pub address: SocketAddr,
    /// Whether the peer has proven to be there.
    pub is_proven: bool,
    /// Bytes of messages that came in, at most so many, and are not read.
    pub unread: u64,
    /// Reliable messages that were not confirmed.
    pub unconfirmed: usize,
}
