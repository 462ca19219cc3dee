//! How large, how many, how long: every limit of the server, with its default and its reason.

use std::time::Duration;

use proto::limits::MAX_FRAME_LENGTH;

/// How many connections may wait in the kernel until they are accepted: what listen(2) is told.
///
/// A burst of this many clients waits instead of being turned away. The kernel cuts it to
/// `net.core.somaxconn`, which is 4096 on current systems.
pub const BACKLOG: u32 = 1024;

/// How long accepting rests after its first failure for want of descriptors or memory.
///
/// Short enough that nobody notices where the want is over at once, long enough that a server which
/// can do nothing does not use a processor for it.
pub const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);

/// How long accepting rests at most. The pause doubles up to here while failures go on.
///
/// A client that waits in the backlog gets in within a second after the want is over.
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// How many bytes of answers `lines` gathers before it writes them: 64 KiB.
///
/// An answer may be 25 times as long as its line (an empty one), so what one read brings is not
/// answered in one piece.
pub const ANSWERS: usize = 64 * 1024;

/// How many runs of frames `frames` gathers before it writes them.
///
/// Every change of room ends a run, so frames of two rooms in turn would cost a system call each.
pub const GATHERED_RUNS: usize = 64;

/// What a server allows its peers. [`Limits::default`] is for a server on the open Internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections are served at the same time; 1024. The rest waits in the kernel's backlog.
    ///
    /// Each may hold a frame and a read's room, so this bounds the server's memory, to a little over
    /// 1 GiB if every peer does its worst (over TLS a tenth more), and its descriptors.
    pub connections: usize,

    /// How long a peer may say nothing while the server waits for it; 5 minutes. `None` is for ever.
    ///
    /// It finds peers that are gone without a word, and is longer than a person thinks. Such a peer goes
    /// up to a second later, so that the clock is not asked at each request of the others.
    pub idle: Option<Duration>,

    /// How long a handshake of TLS may take, from the accept on; 10 seconds.
    ///
    /// It is two round trips and some computing: time enough for a link that loses a packet of each, and
    /// for a thousand clients that come at once. Who only opens connections is rid of them after it.
    pub handshake: Duration,

    /// How long a frame or a line may take from its first byte to its last; 1 minute.
    ///
    /// A peer that says a byte now and then is never idle. The longest frame gets through at 17 KiB/s.
    pub message: Duration,

    /// How long one write may wait for a peer that does not read; 30 seconds.
    ///
    /// A write is bounded by a frame or a read, but the kernel calls a full socket writable only when
    /// a third of its buffer is free again, and the buffer grows to 4 MiB (`net.ipv4.tcp_wmem`): a peer
    /// that takes 45 KiB/s is safe.
    pub write: Duration,

    /// How long the server reads on after its last words to a peer that broke the protocol; 2 seconds.
    ///
    /// Closing with unread input makes the kernel send RST, which can overtake the last words and
    /// destroy them (RFC 2525, 2.17). Two seconds are a bad round trip and one retransmission.
    pub linger: Duration,

    /// How many bytes it reads on at most; 1 MiB, what a fast peer has under way in a round trip.
    pub linger_bytes: u64,

    /// How long connections may go on after the server was asked to stop; 10 seconds, the time that
    /// container runtimes give before they kill.
    pub drain: Duration,

    /// How long a peer may say nothing while the server drains; 500 ms.
    ///
    /// A request that was under way when the server was asked to stop still gets its answer, also when
    /// its segment was lost once (the shortest retransmission time-out is 200 ms).
    pub drain_quiet: Duration,

    /// Longest line of `lines`, in bytes without its end; 64 KiB, far beyond what anybody types.
    pub line: usize,

    /// Largest length field of a frame; [`proto::limits::MAX_FRAME_LENGTH`].
    pub frame: u32,

    /// After how long a silence the kernel asks the peer whether it is there, and how long it waits for
    /// each of three answers. Off by default: `idle` finds who is gone, without a packet.
    pub keepalive: Option<Duration>,

    /// How many bytes the kernel takes for a peer beyond those that are under way to it
    /// (`TCP_NOTSENT_LOWAT`, tcp(7); Linux). `None`, the default, leaves it to the size of its buffer.
    ///
    /// The socket is then writable whenever less than half of that waits, so a server sees a slow peer
    /// move in small steps. Without it that is told when a third of the buffer is free, of up to 4 MiB.
    pub unsent: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            idle: Some(Duration::from_secs(5 * 60)),
            handshake: Duration::from_secs(10),
            message: Duration::from_secs(60),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            linger_bytes: 1024 * 1024,
            drain: Duration::from_secs(10),
            drain_quiet: Duration::from_millis(500),
            line: 64 * 1024,
            frame: MAX_FRAME_LENGTH,
            keepalive: None,
            unsent: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the documents promise. Who changes one changes its reason above, too.
    #[test]
    fn every_limit_has_the_value_that_its_reason_speaks_of() {
        assert_eq!(BACKLOG, 1024);
        assert_eq!(ACCEPT_PAUSE_MIN, Duration::from_millis(10));
        assert_eq!(ACCEPT_PAUSE_MAX, Duration::from_secs(1));
        assert_eq!(ANSWERS, 65_536);
        assert_eq!(GATHERED_RUNS, 64);
        let expected = Limits {
            connections: 1024,
            idle: Some(Duration::from_secs(300)),
            handshake: Duration::from_secs(10),
            message: Duration::from_secs(60),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            linger_bytes: 1_048_576,
            drain: Duration::from_secs(10),
            drain_quiet: Duration::from_millis(500),
            line: 65_536,
            frame: 1_048_576,
            keepalive: None,
            unsent: None,
        };
        assert_eq!(Limits::default(), expected);
    }
}
