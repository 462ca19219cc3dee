//! Limits that several crates share, each with its reason.

/// Largest value of a frame's length field, in bytes: 1 MiB.
///
/// It is the most that one peer can make the other hold before a frame is complete, so it bounds the
/// memory of a connection; a file or a long text is cut into many frames instead.
pub const MAX_FRAME_LENGTH: u32 = 1024 * 1024;

/// Largest payload of a control frame, in bytes: 64 KiB.
///
/// Control frames carry JSON, which costs many times its length to read; nothing in the vocabulary
/// needs more than a few hundred bytes.
pub const MAX_CONTROL_PAYLOAD: usize = 64 * 1024;

/// Largest path of a Unix socket, in bytes: `sun_path` holds 108 with its final NUL (unix(7)).
pub const MAX_UNIX_PATH: usize = 107;

/// How much room a decoder makes for a read where little arrives, in bytes: 16 KiB.
///
/// One read then takes what a peer sent in a few segments; more would be wasted on the many connections
/// that say a few bytes at a time.
pub const READ_CHUNK: usize = 16 * 1024;

/// How much room a decoder makes at most for a read, in bytes: 256 KiB.
///
/// It grows from [`READ_CHUNK`] only while reads fill all the room they are given, so a peer pays for it
/// with bytes. Measured with frames of 64 KiB over loopback, 128 KiB cost a server half as much
/// processor time again for each byte, and 1 MiB only a tenth less: not worth four times the memory of
/// every busy connection.
pub const MAX_READ_CHUNK: usize = 256 * 1024;

/// The part of its chunk, as a divisor, that a run must fill to be shared without a copy: a quarter.
///
/// A receiver that holds a run holds the whole chunk that it lies in. So what is held is at most this
/// many times what was said, whatever its receivers do.
pub const RUN_SHARE: usize = 4;

/// Longest text that an error takes from a peer's JSON, in bytes: enough for a line of a log.
///
/// The reader of JSON cites what it refuses, which may be as long as a control frame.
pub const MAX_CITED: usize = 200;
