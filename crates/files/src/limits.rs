//! How large and how many, each with its reason.

use proto::limits::MAX_FRAME_LENGTH;

/// How many files may be offered and not yet settled: 64.
///
/// A receiver answers an offer a round trip later, and may have a descriptor open for each; so many small
/// files are under way at once, and a connection costs it no more than these.
pub const WINDOW: usize = 64;

/// The longest block of a file that a sender of ours puts into one frame, in bytes: 64 KiB.
///
/// A block is hashed while it is in the processor's second-level cache. Longer ones save system calls,
/// shorter ones lose less of a broken connection; beyond this size neither can be measured. A receiver
/// takes any block that a frame can hold.
pub const BLOCK: usize = 64 * 1024;

/// The longest frame, as [`proto`] has it.
pub const FRAME: u32 = MAX_FRAME_LENGTH;

/// The longest path, in bytes: 4096, `PATH_MAX` of Linux.
pub const MAX_PATH: usize = 4096;

/// The longest name in a path, in bytes: 255, `NAME_MAX` of every file system in use.
pub const MAX_NAME: usize = 255;

/// How many names a path has at most: 64. Whoever makes folders in folders without end fills a disk with
/// names that no program removes.
pub const MAX_DEPTH: usize = 64;

/// How many files and folders go over one connection at most: 1,000,000.
///
/// A sender keeps their paths, which are some hundred bytes each.
pub const MAX_FILES: u32 = 1_000_000;

/// The largest file, in bytes: 2^63 - 1, as `off_t` has it.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// How many paths a client asks for at most: 256, as they travel in one control frame.
pub const MAX_ASKED: usize = 256;

/// The longest reason that is sent with a file that does not come over, in bytes: 500, a line or two.
pub const MAX_REASON: usize = 500;

/// How often a name is tried with another number before it is given up: 1000 times.
pub const MAX_COPIES: u32 = 1000;
