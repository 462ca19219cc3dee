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

/// How many connections one address may have where a server is reached from other machines, as a part of
/// all, as a divisor: a quarter.
///
/// One address then cannot take every chair, and an office behind one address still has 256 of 1024.
pub const PER_ADDRESS_SHARE: usize = 4;

/// How often connections that were refused are told of: every 10 seconds, with their count.
///
/// The first is told at once. A flood of them is six lines a minute, which a log can bear.
pub const REFUSALS_TOLD: Duration = Duration::from_secs(10);

/// How long the first byte may take where programs talk: 10 seconds, for a client that is slow to begin and
/// a segment that is lost three times.
pub const FIRST_BYTE: Duration = Duration::from_secs(10);

/// How many bytes a second a peer must bring at least where programs talk and it owes some: 500.
///
/// It is what Apache asks of the bodies of requests (`mod_reqtimeout`), a fifth of the slowest mobile link.
pub const LEAST_RATE: u64 = 500;

/// Over what time the least rate is looked at: 20 seconds, so that a link may be down for a while.
pub const RATE_WINDOW: Duration = Duration::from_secs(20);

/// Over what time the least rate is looked at in `files`, where there is no limit on silence: 5 minutes.
///
/// Else it is that limit. A disk may take minutes for a large file, and who waits for one says nothing; a
/// client that says a little all the while is another matter.
pub const FILES_RATE_WINDOW: Duration = Duration::from_secs(5 * 60);

/// How many listening sockets a service manager may hand over: 64, far beyond what a unit lists.
///
/// Each is looked at for each connection, and the number comes from the environment.
pub const HANDED_OVER: usize = 64;

/// How many scrapers may be at a server's figures at the same time: 16. One asks every few seconds.
pub const METRICS_CONNECTIONS: usize = 16;

/// How many of them may have asked for nothing yet: 8. The next one ends the first of them, so that who
/// connects and says nothing stands in nobody's way.
pub const METRICS_SILENT: usize = 8;

/// How long a scraper may take to ask: 2 seconds, which is many times what one takes.
pub const METRICS_REQUEST: Duration = Duration::from_secs(2);

/// How long it may take to read what it is told: 5 seconds. Prometheus gives up after 10.
pub const METRICS_TIME: Duration = Duration::from_secs(5);

/// The longest request for figures, in bytes: 8 KiB, as most servers of HTTP take.
pub const METRICS_HEAD: usize = 8 * 1024;

/// What a server allows its peers. [`Limits::default`] is for a server on the open Internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections are served at the same time; 1024. The rest waits in the kernel's backlog.
    ///
    /// Each may hold a frame and a read's room, so this bounds the server's memory, to a little over
    /// 1 GiB if every peer does its worst (over TLS a tenth more), and its descriptors.
    pub connections: usize,

    /// How many of them one address may have; `None`, the default, is all. IPv6 counts by the first 64 bits.
    ///
    /// Who has as many is reset at once, which is reported to [`crate::Observer::refused`]. Peers behind one
    /// proxy, and all of this machine, have one address; a program that is reached from elsewhere should
    /// set it, see [`PER_ADDRESS_SHARE`].
    pub per_address: Option<usize>,

    /// How long the first byte of a peer may take; `None`, the default, is as long as `idle`.
    ///
    /// It finds who connects and says nothing, sooner than `idle` may: [`FIRST_BYTE`]. It is not for where a
    /// person types, or where the server speaks first.
    pub first_byte: Option<Duration>,

    /// How many bytes a second must go through, both ways together, while the peer owes some; `None`, the
    /// default, leaves it to `message` and `idle`.
    ///
    /// A peer owes bytes from the beginning of a message to its end, and all the time where there are no
    /// messages. It is looked at over [`RATE_WINDOW`]. It finds who says a byte now and then only to be
    /// there: [`LEAST_RATE`]. It is not for where a person types.
    pub least_rate: Option<u64>,

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
            per_address: None,
            first_byte: None,
            least_rate: None,
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
        assert_eq!(PER_ADDRESS_SHARE, 4);
        assert_eq!(REFUSALS_TOLD, Duration::from_secs(10));
        assert_eq!(FIRST_BYTE, Duration::from_secs(10));
        assert_eq!(LEAST_RATE, 500);
        assert_eq!(RATE_WINDOW, Duration::from_secs(20));
        assert_eq!(FILES_RATE_WINDOW, Duration::from_secs(300));
        assert_eq!(HANDED_OVER, 64);
        assert_eq!(METRICS_CONNECTIONS, 16);
        assert_eq!(METRICS_SILENT, 8);
        assert_eq!(METRICS_REQUEST, Duration::from_secs(2));
        assert_eq!(METRICS_TIME, Duration::from_secs(5));
        assert_eq!(METRICS_HEAD, 8192);
        let expected = Limits {
            connections: 1024,
            per_address: None,
            first_byte: None,
            least_rate: None,
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
