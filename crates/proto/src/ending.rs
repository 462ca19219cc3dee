//! How a connection ended. Every way has a name.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::frame::{FrameError, Kind};
use crate::message::MessageError;

/// How a connection ended, seen from this side. Logs, JSON, metrics and tests use this one type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The peer closed its direction in order (FIN) and was given everything owed to it.
    PeerFin,
    /// The peer reset the connection (RST): a read or a write met `ECONNRESET`.
    PeerReset,
    /// The peer had closed for good before it was given everything: a write met `EPIPE`.
    PeerGone,
    /// The kernel gave up on a peer that no longer answered: `ETIMEDOUT`, or no route to it any more.
    Unanswered,
    /// The peer said nothing for longer than it may.
    Idle,
    /// The peer connected and said nothing at all in the time that its first byte may take.
    NoFirstByte,
    /// Fewer bytes a second went through the connection than is the least, while the peer owed some.
    BelowRate,
    /// The time that this side gave the whole conversation is over.
    Deadline,
    /// The peer did not take what was sent to it within the time that a write may last.
    TooSlow,
    /// The peer sent what the protocol does not allow.
    Protocol(ProtocolError),
    /// The same client has come back over another connection, which takes the place of this one.
    Replaced,
    /// TLS was not agreed on, or was broken later.
    Tls(TlsFault),
    /// This side is shutting down.
    Shutdown,
    /// This side had done what it was asked to do and closed first.
    Done,
    /// The operating system failed in another way.
    Io(io::ErrorKind),
}

/// What a peer sent that the protocol does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The bytes are no frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A control frame does not say what its kind promises.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A frame that is not the peer's to send now: one before its `Hello`, a second `Hello`, or one that
    /// only the other side sends.
    #[error("a {kind:?} frame is out of turn")]
    OutOfTurn {
        /// Its kind.
        kind: Kind,
    },
    /// A line did not end within the limit.
    #[error("a line is longer than the limit of {limit} bytes")]
    LineTooLong {
        /// The limit in bytes, without the line's end.
        limit: usize,
    },
    /// The peer speaks HTTP, as a browser does: a page that somebody reads could make it send anything.
    #[error("the peer speaks HTTP")]
    Http,
    /// What is said of a file in a transfer does not fit what was said before.
    #[error("file {file}: {what}")]
    File {
        /// Its number in this connection.
        file: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// A frame or a line began and did not end within the time that it may take. A peer that says a
    /// byte now and then is not idle, and would hold its connection for ever.
    #[error("a message was not complete within {limit:?}")]
    Unfinished {
        /// The time that it may take.
        limit: Duration,
    },
}

/// How TLS failed. A stream over TLS gives it inside of an [`io::Error`], where [`Ending::from_io`] finds
/// it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The first that came from the peer is no TLS.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// The handshake was not over within the time that it may take.
    #[error("no handshake within {limit:?}")]
    Stalled {
        /// The time that it may take.
        limit: Duration,
    },
    /// The peer closed before the handshake was over.
    #[error("the peer left in the middle of the handshake")]
    LeftEarly,
    /// The peer has shown no certificate, and must.
    #[error("the peer has no certificate, and only those that have one may connect")]
    NoCertificate,
    /// The peer's certificate is not trusted.
    #[error("the peer's certificate is refused: {why}")]
    Certificate {
        /// What is wrong with it.
        why: String,
    },
    /// The peer has refused us, with this alert (RFC 8446 section 6.2).
    #[error("the peer refused: {alert}")]
    Refused {
        /// The alert in words.
        alert: String,
    },
    /// The two have nothing in common, or the peer does not keep to the protocol.
    #[error("{why}")]
    Disagreement {
        /// What is wrong.
        why: String,
    },
    /// The stream ended without the peer's word that it is the end (`close_notify`): what came may be a
    /// part, cut off by the peer's death or by somebody on the way.
    #[error("cut off: it ended without close_notify")]
    Truncated,
}

impl TlsFault {
    /// Whether another attempt may be better: of a connection that was cut off, and not where somebody refuses
    /// a certificate, who does so the next time too.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Stalled { .. } | Self::LeftEarly | Self::Truncated)
    }
}

impl Ending {
    /// The names of all, as [`Ending::name`] gives them: what a count of endings is kept by.
    pub const NAMES: [&'static str; 15] = [
        "PeerFin",
        "PeerReset",
        "PeerGone",
        "Unanswered",
        "Idle",
        "NoFirstByte",
        "BelowRate",
        "Deadline",
        "TooSlow",
        "Protocol",
        "Replaced",
        "Tls",
        "Shutdown",
        "Done",
        "Io",
    ];

    /// The ending that an error of a read or a write on a stream means.
    pub fn from_io(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsFault>());
        if let Some(fault) = inner {
            return Self::Tls(fault.clone());
        }
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::PeerReset,
            io::ErrorKind::BrokenPipe => Self::PeerGone,
            // After a keepalive or a retransmission that nobody answered, a router's word for why
            // (ICMP) comes in place of ETIMEDOUT; see tcp(7) on soft errors.
            io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => Self::Unanswered,
            kind => Self::Io(kind),
        }
    }

    /// The name in JSON, logs and metrics: the variant's own.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PeerFin => "PeerFin",
            Self::PeerReset => "PeerReset",
            Self::PeerGone => "PeerGone",
            Self::Unanswered => "Unanswered",
            Self::Idle => "Idle",
            Self::NoFirstByte => "NoFirstByte",
            Self::BelowRate => "BelowRate",
            Self::Deadline => "Deadline",
            Self::TooSlow => "TooSlow",
            Self::Protocol(_) => "Protocol",
            Self::Replaced => "Replaced",
            Self::Tls(_) => "Tls",
            Self::Shutdown => "Shutdown",
            Self::Done => "Done",
            Self::Io(_) => "Io",
        }
    }
}

impl From<FrameError> for Ending {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<MessageError> for Ending {
    fn from(error: MessageError) -> Self {
        Self::Protocol(error.into())
    }
}

/// The ending in words, as a log line shows it.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerFin => f.write_str("closed by peer (FIN)"),
            Self::PeerReset => f.write_str("reset by peer (RST)"),
            Self::PeerGone => f.write_str("peer had closed before it took everything (EPIPE)"),
            Self::Unanswered => f.write_str("peer no longer answers (ETIMEDOUT)"),
            Self::Idle => f.write_str("idle for too long"),
            Self::NoFirstByte => f.write_str("said nothing after it had connected"),
            Self::BelowRate => f.write_str("fewer bytes a second than is the least"),
            Self::Deadline => f.write_str("deadline passed"),
            Self::TooSlow => f.write_str("peer took too long to read"),
            Self::Protocol(error) => write!(f, "protocol error: {error}"),
            Self::Replaced => f.write_str("replaced by another connection of the same client"),
            Self::Tls(fault) => write!(f, "TLS: {fault}"),
            Self::Shutdown => f.write_str("shut down here"),
            Self::Done => f.write_str("done here"),
            Self::Io(kind) => write!(f, "system error: {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_stream_are_told_apart() {
        for (errno, ending) in [
            (libc_errno::ECONNRESET, Ending::PeerReset),
            (libc_errno::EPIPE, Ending::PeerGone),
            (libc_errno::ETIMEDOUT, Ending::Unanswered),
            (libc_errno::EHOSTUNREACH, Ending::Unanswered),
        ] {
            assert_eq!(Ending::from_io(&io::Error::from_raw_os_error(errno)), ending, "{errno}");
        }
    }

    #[test]
    fn every_name_is_in_the_list_of_names() {
        let endings = [
            Ending::PeerFin,
            Ending::PeerReset,
            Ending::PeerGone,
            Ending::Unanswered,
            Ending::Idle,
            Ending::NoFirstByte,
            Ending::BelowRate,
            Ending::Deadline,
            Ending::TooSlow,
            Ending::Protocol(ProtocolError::Http),
            Ending::Replaced,
            Ending::Tls(TlsFault::NotTls),
            Ending::Shutdown,
            Ending::Done,
            Ending::Io(io::ErrorKind::Other),
        ];
        // Whoever adds a variant is stopped here, and adds it above and to the list.
        for ending in &endings {
            match ending {
                Ending::PeerFin
                | Ending::PeerReset
                | Ending::PeerGone
                | Ending::Unanswered
                | Ending::Idle
                | Ending::NoFirstByte
                | Ending::BelowRate
                | Ending::Deadline
                | Ending::TooSlow
                | Ending::Protocol(_)
                | Ending::Replaced
                | Ending::Tls(_)
                | Ending::Shutdown
                | Ending::Done
                | Ending::Io(_) => {}
            }
        }
        assert_eq!(endings.each_ref().map(Ending::name), Ending::NAMES);
    }

    #[test]
    fn a_fault_of_tls_is_found_in_the_error_that_carries_it() {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, TlsFault::Truncated);
        let ending = Ending::from_io(&error);
        assert_eq!((ending.name(), &ending), ("Tls", &Ending::Tls(TlsFault::Truncated)));
        assert_eq!(ending.to_string(), "TLS: cut off: it ended without close_notify");
    }

    /// The numbers of Linux on x86 and Arm (`asm-generic/errno.h`); this crate needs no `libc`.
    mod libc_errno {
        pub(super) const EPIPE: i32 = 32;
        pub(super) const ECONNRESET: i32 = 104;
        pub(super) const ETIMEDOUT: i32 = 110;
        pub(super) const EHOSTUNREACH: i32 = 113;
    }
}
