//! How large, how many, how long: every limit of the relay, with its default and its reason.

use std::time::Duration;

/// How many columns a name has at most; 24, so that a line of a chat on a terminal has room for words.
pub const NAME_COLUMNS: usize = 24;

/// How many bytes a name has at most; 96, four for each column.
///
/// Marks that combine take no column, so columns alone would bound nothing.
pub const NAME_BYTES: usize = 96;

/// How many frames of a room are kept for who joins.
pub const PAST_FRAMES: usize = 200;

/// Frames up to this length are copied into the tail of an outbox instead of being shared; 1 KiB.
///
/// Copying so few bytes costs less than counting one more reference on several processors and handing
/// the kernel one more slice.
pub const COPY_BELOW: usize = 1024;

/// How much is gathered in the tail of an outbox before the next one is begun; 64 KiB.
///
/// It bounds what one growth of the tail copies, and one system call for so many bytes is cheap.
pub const TAIL: usize = 64 * 1024;

/// How much of a frame a client of lines is shown, in bytes; 64 KiB, as long as the longest line.
///
/// A frame may be a mebibyte, and six when its control characters are written out: a reader of lines
/// would be too slow for what a reader of frames takes at ease.
pub const SHOWN: usize = 64 * 1024;

/// What an entry of an outbox costs beside the bytes that it holds; 64.
///
/// Without it a million tiny pieces would seem to weigh nothing.
pub const ENTRY: usize = 64;

/// How many slices one write hands to the kernel; 64.
///
/// Small pieces are copied together, so a slice has a kibibyte at least, and a write of 64 of them costs
/// far more than the call. The list lies on the stack.
pub const SLICES: usize = 64;

/// A client is held back only when a read of it filled this many bytes; 16 KiB, the smallest room that
/// a read gets.
///
/// So who pushes waits for who is slow, and a person who types does not, as long as the outbox of the slow
/// one is less than half full. Above that nobody says more to it: many who each say a little at once are
/// as much as one who pushes.
pub const BULK: usize = proto::limits::READ_CHUNK;

/// How many bytes of a reader's outbox are enough to hold back who pushes; 1 MiB.
///
/// Two bursts of the largest reads fit below it, so a reader that keeps up is never seen here. What is
/// under way then still lies in the processor's caches.
pub const PRESSED: usize = 1024 * 1024;

/// Below how many bytes of the reader's outbox they go on; 256 KiB.
pub const RELIEVED: usize = 256 * 1024;

/// What a relay allows its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes may be pinned by what waits for one client; 8 MiB.
    ///
    /// A read pins 256 KiB, so 30 bursts wait for a client that is not scheduled or whose link stalls,
    /// and the same bytes are counted once for each receiver although they are there once. From half of
    /// it on, what is said in the client's rooms waits until only a quarter is left, as long as the client
    /// takes something ([`Limits::hold`]) and gets there within [`Limits::write`].
    pub outbox: usize,

    /// How many people there are at a time; 16,384. The rest waits in the kernel's backlog.
    ///
    /// A silent one costs less than 3 KiB here, so this is 50 MB; their sockets are as many descriptors.
    pub people: usize,

    /// How many rooms there are; 1024. The one that has been empty for the longest makes way.
    ///
    /// Times [`Limits::past`] it bounds the memory of what was said, at 1 GiB if everybody does his worst.
    pub rooms: usize,

    /// How many rooms one person is in; 64. They are searched one by one for each run.
    pub rooms_each: usize,

    /// How many people are in one room; 4096.
    ///
    /// Each is told of each that comes and goes, so this is where a storm of those ends.
    pub members: usize,

    /// How many bytes of a room's past are pinned; 1 MiB. 200 lines that somebody typed are 20 KiB.
    pub past: usize,

    /// Largest length field of a frame; [`proto::limits::MAX_FRAME_LENGTH`].
    pub frame: u32,

    /// Longest line, in bytes without its end; 64 KiB, far beyond what anybody types.
    pub line: usize,

    /// After how long a silence a client is greeted as one of lines; 500 ms.
    ///
    /// A program sends its `Hello` at once, so who is silent waits for a word, as a person with `nc` does.
    pub greet: Duration,

    /// How long a handshake of TLS may take, from the accept on; 10 seconds, as in [`tcp_server::Limits`].
    pub handshake: Duration,

    /// How long a client may take until it has a name: its first line, or its `Hello`; 1 minute.
    ///
    /// Time enough for a person; a connection that is nobody's is gone then.
    pub first: Duration,

    /// How long a frame or a line may take from its first byte to its last; 1 minute.
    ///
    /// A peer that says a byte now and then is never idle. The longest frame gets through at 17 KiB/s.
    pub message: Duration,

    /// How long a client may take nothing at all of what waits for it, and how long others wait with what
    /// would be too much for it; 30 seconds.
    ///
    /// A link that is lost for a quarter of a minute comes back within the retransmissions of that time.
    /// A quarter of the outbox goes through a link of 70 KiB/s in it. Over TLS the last 64 KiB of what waits are
    /// seen to go only together: 2 KiB/s are enough for them.
    pub write: Duration,

    /// How long one that is behind may take nothing at all until nobody who pushes waits for it; 3 seconds.
    ///
    /// Who pushes waits on while the other takes something, so it goes no faster than a slow link. A segment that
    /// is lost four times in a row comes within 3 s (0.2 s, doubled each time). With [`Limits::unsent`] a
    /// link is seen to move from 43 KiB/s on. Who took nothing is not waited for again until it takes
    /// something.
    pub pause: Duration,

    /// How long one that is half way to its limit may take nothing at all until nobody waits for it with
    /// what would be too much for it; 500 ms.
    ///
    /// Less than [`Limits::pause`], since here everybody in the room waits: who never reads has taken
    /// nothing for longer by the time that people's talk has put so much before it. A link is seen to move
    /// from 128 KiB/s on.
    pub hold: Duration,

    /// How many bytes the kernel takes for a client beyond those that are under way to it; 128 KiB.
    ///
    /// What waits shall wait here, where it is counted and bounded, and not in a buffer of the kernel's of
    /// up to 4 MiB for each client; and a full socket is writable again as soon as half of this is gone, so
    /// a slow client is seen to move. It is two writes of the largest size, so the kernel never runs dry.
    pub unsent: u32,

    /// How long the relay reads on after its last words; 2 seconds.
    ///
    /// Closing with unread input makes the kernel send RST, which destroys the last words (RFC 2525,
    /// 2.17). Two seconds are a bad round trip and one retransmission.
    pub linger: Duration,

    /// How long delivering what was taken may last after the relay was asked to stop; 10 seconds, the
    /// time that container runtimes give before they kill.
    pub drain: Duration,

    /// After how long a silence the kernel asks a client whether it is there; 1 minute.
    ///
    /// A person may be silent for a day, so silence ends nothing here; three probes without an answer do.
    /// They cost the relay no timer.
    pub keepalive: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outbox: 8 * 1024 * 1024,
            people: 16_384,
            rooms: 1024,
            rooms_each: 64,
            members: 4096,
            past: 1024 * 1024,
            frame: proto::limits::MAX_FRAME_LENGTH,
            line: 64 * 1024,
            greet: Duration::from_millis(500),
            handshake: Duration::from_secs(10),
            first: Duration::from_secs(60),
            message: Duration::from_secs(60),
            write: Duration::from_secs(30),
            pause: Duration::from_secs(3),
            hold: Duration::from_millis(500),
            unsent: 128 * 1024,
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(10),
            keepalive: Some(Duration::from_secs(60)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the documents promise. Who changes one changes its reason above, too.
    #[test]
    fn every_limit_has_the_value_that_its_reason_speaks_of() {
        assert_eq!((NAME_COLUMNS, NAME_BYTES), (24, 96));
        assert_eq!(PAST_FRAMES, 200);
        assert_eq!((COPY_BELOW, TAIL, SHOWN, ENTRY, SLICES), (1024, 65_536, 65_536, 64, 64));
        assert_eq!((BULK, PRESSED, RELIEVED), (16_384, 1_048_576, 262_144));
        let expected = Limits {
            outbox: 8_388_608,
            people: 16_384,
            rooms: 1024,
            rooms_each: 64,
            members: 4096,
            past: 1_048_576,
            frame: 1_048_576,
            line: 65_536,
            greet: Duration::from_millis(500),
            handshake: Duration::from_secs(10),
            first: Duration::from_secs(60),
            message: Duration::from_secs(60),
            write: Duration::from_secs(30),
            pause: Duration::from_secs(3),
            hold: Duration::from_millis(500),
            unsent: 131_072,
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(10),
            keepalive: Some(Duration::from_secs(60)),
        };
        assert_eq!(Limits::default(), expected);
    }
}
