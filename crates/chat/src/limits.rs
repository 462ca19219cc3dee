//! How large, how many, how long: every limit of a chat, with its reason.

use std::time::Duration;

/// Longest line that may be said, in bytes: 64 KiB, what a relay takes from a client of lines.
pub const MAX_LINE: usize = 64 * 1024;

/// How many lines may wait for the relay to take them: 1000.
///
/// More than anybody types while a relay restarts. A pipe that holds more is read on when there is room.
pub const MAX_UNSENT: usize = 1000;

/// How many bytes of text may wait: 1 MiB, so that a thousand of the longest lines are not 64 MiB.
pub const MAX_UNSENT_BYTES: usize = 1024 * 1024;

/// How long a relay may take to answer a `Hello`: 10 s.
///
/// It waits half a second before it greets a client of lines, and two lost segments cost three seconds.
/// What does not answer in this time is no relay.
pub const WELCOME: Duration = Duration::from_secs(10);

/// How long nothing may be taken after the end of input before the rest is given up: 10 s, in which a
/// relay that restarts is found again.
pub const LAST_WAIT: Duration = Duration::from_secs(10);

/// How long a relay may take to end the connection after our `Goodbye`: 2 s, a bad round trip and one
/// retransmission. Everything of ours was taken by then; only what others say can be missed.
pub const HANG_UP: Duration = Duration::from_secs(2);

/// How many bytes of lines are skipped before a relay's first frame: 16 KiB. A greeting has a few
/// hundred; what talks on is no relay.
pub const MAX_GREETING: usize = 16 * 1024;

/// How many frames are remembered as shown, to tell what is new in the past that a relay sends after a
/// reconnect: 1024, where a relay sends 200.
pub const MAX_SEEN: usize = 1024;

/// How many of the numbers that a relay gave us are remembered as ours: 64, one for each reconnect.
pub const MAX_OWN: usize = 64;

/// Longest name of a person or a room that a relay is asked for, in bytes: 256. It takes 24 columns, and
/// says itself what is wrong with a name; this only keeps it from being asked for a novel.
pub const MAX_NAME: usize = 256;

/// How many people's names are remembered, those that have left among them: 4096.
pub const MAX_PEOPLE: usize = 4096;

/// How many names a client that comes back tries while its own is taken, before it lets the relay pick
/// one: 8. A connection that broke may keep the name until the relay notices.
pub const MAX_NAME_TRIES: u32 = 8;
