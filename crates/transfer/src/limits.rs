//! How long and how many, each with its reason.

use std::time::Duration;

/// How often a side that hashes says that it does: every 5 s, well within any time after which a silent
/// peer is given up.
pub const BUSY: Duration = Duration::from_secs(5);

/// How many bytes are hashed at a time, between two looks at the clock: 1 MiB, a few milliseconds from the
/// slowest disk.
pub const HASHED_AT_ONCE: usize = 1024 * 1024;

/// How many may receive the same file into the same folder at the same time: 16.
///
/// Each has a part of its own; the next one is refused, so that a crowd does not fill the disk with copies.
pub const MAX_PARTS: u32 = 16;

/// How many names with a number are looked at for a file that is there already: 100.
pub const MAX_LOOKED_AT: u32 = 100;

/// How many files are told of by name that are left out of what is sent: 1000. The others are counted.
///
/// A folder may hold millions of links, each with a path of some hundred bytes, and nobody reads so many lines.
pub const MAX_LEFT_OUT: usize = 1000;

/// How long a client may take from its connection to its `Begin`: 10 s, many round trips.
pub const OPENING: Duration = Duration::from_secs(10);

/// How long a part that somebody else has is waited for: 2 s.
///
/// Whoever comes back after a broken connection is often quicker than the end of the old one. After this
/// time it is somebody else who sends the same file, and both get a part of their own.
pub const LET_GO: Duration = Duration::from_secs(2);

/// How often it is looked whether he has let go: every 10 ms. The kernel tells nobody of the end of a lock.
pub const LET_GO_POLL: Duration = Duration::from_millis(10);

/// How many files are brought to the disk at the same time: 16.
///
/// The disk is asked once for all that wait for it: a journal commits what several fsync(2) ask for together,
/// and thousands of small files take about half of the time that they take one after the other.
pub const SYNCED_AT_ONCE: usize = 16;

/// How many blocks of a file are gathered before they are written: 32, 2 MiB.
///
/// With [`READ`] and a frame it is the most memory that a transfer takes, whatever the size of its files. With
/// four of them a file of 4 GiB took some hundredths longer over loopback.
pub const GATHERED_BLOCKS: usize = 32;

/// How many bytes of answers wait for a peer that does not read, before no more of what it says is taken:
/// 256 KiB.
///
/// It is as much as the answers to a whole window of files with the longest paths. A peer that offers and
/// never reads would else make a side keep an answer for each of a million offers.
pub const MAX_UNSENT: usize = 256 * 1024;

/// How many files that did not come over a server tells of one by one in a connection: 100. The others are
/// counted, so that a client that offers a million bad names does not fill a disk with what is said of it.
pub const MAX_TOLD_DROPPED: u64 = 100;

/// How much of a file is read at a time from the network: 2 MiB.
///
/// Each wait for the network is a switch between two programs on a busy machine, and the fewer there are,
/// the better both use its processors: with 256 KiB a file of 4 GiB took a quarter longer over loopback.
pub const READ: usize = 2 * 1024 * 1024;
