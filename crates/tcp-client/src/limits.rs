//! How long and how large anything may become here, each with its reason.

use std::time::Duration;

/// How long an attempt to connect may take unless the caller says otherwise: 5 s.
///
/// The kernel sends a SYN again after 1, 3 and 7 s, so three of them are out before we give up; its own
/// limit is over two minutes, which nobody waits for at a prompt.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one address of a name is tried alone, before the next one is tried beside it: 250 ms.
///
/// It is what RFC 8305, section 5, recommends: longer than nearly every round trip, so that most names cost
/// one connection, and shorter than a person notices where the first address leads nowhere.
pub const HEAD_START: Duration = Duration::from_millis(250);

/// The longest wait before the second attempt: 500 ms.
pub const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The longest wait before any attempt: 10 s, so that a server that is back is found soon.
pub const MAX_RETRY_DELAY: Duration = Duration::from_secs(10);

/// How many bytes one read takes, from the input and from the peer: 256 KiB.
///
/// A read of a file costs a change of threads, which this much data makes cheap; it still fits into the
/// second-level cache, through which every byte passes twice.
pub const CHUNK: usize = 256 * 1024;

/// How often a Unix socket whose queue is full is tried again: every 10 ms.
///
/// A connect that does not block fails with `EAGAIN` there, and the kernel gives no event to wait for.
pub const FULL_QUEUE_POLL: Duration = Duration::from_millis(10);

/// How many chunks one direction may move before the other has its turn: 16.
///
/// A peer that always has more to say would otherwise keep what we say waiting.
pub const TURNS: usize = 16;

/// How long the input may give nothing once the peer has sent its FIN: 50 ms.
///
/// A pipe whose writer is at work gives its next piece within it. A person at a terminal does not, and has
/// the prompt back within a tenth of a second.
pub const PAUSE_AFTER_FIN: Duration = Duration::from_millis(50);

/// The same where the peer was sent bytes after its FIN and has not refused them: 1 s.
///
/// It reads still, so to leave before the input's end loses the rest of it. What compresses, or reads a
/// disk, stops for less than this.
pub const PAUSE_ONCE_TAKEN: Duration = Duration::from_secs(1);

/// How often the kernel is asked whether the peer took everything, after both have closed: every 10 ms.
///
/// Acknowledgements give no event to wait for, and neither does a reset after the FIN was read.
pub const ACKNOWLEDGED_POLL: Duration = Duration::from_millis(10);
