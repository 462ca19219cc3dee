//! How large anything may become, each with its reason.

use std::time::Duration;

/// Length of the datagrams that are sent, in bytes: 1200.
///
/// Every path that carries IPv6 carries it (RFC 9000 §14), so nothing is cut into fragments on the way.
/// Longer ones need a search for what the path carries, which is not written yet.
pub const DATAGRAM: usize = 1200;

/// Longest datagram that is looked at, in bytes: what an Ethernet frame holds, and a little more.
pub const MAX_DATAGRAM: usize = 2048;

/// Longest message, in bytes: one frame of 1 MiB with its length field, as `proto` has them.
pub const MAX_MESSAGE: usize = 1024 * 1024 + 4;

/// Longest message of an unreliable channel, in bytes: it travels in one datagram or not at all
/// (RFC 9221 §5).
pub const MAX_UNRELIABLE: usize = 1024;

/// Shortest piece of a message that is not its last, in bytes: 256.
///
/// It bounds the holes that a peer can leave in a message, and with them the memory that they cost.
pub const MIN_PIECE: usize = 256;

/// What a message costs of its channel's credit beside its bytes: 64.
///
/// Without it empty messages would be free, and a peer could have any number of them waiting.
pub const MESSAGE_COST: u64 = 64;

/// Credit of one channel, in bytes: two longest messages, so that the second is under way while the
/// first one is read.
pub const CHANNEL_WINDOW: u64 = 2 * (MAX_MESSAGE as u64 + MESSAGE_COST);

/// Credit of all channels of a connection together, in bytes: four channels that nobody reads do not
/// hold up a fifth, and a peer can make us hold no more than this.
pub const CONNECTION_WINDOW: u64 = 5 * CHANNEL_WINDOW;

/// How far a message's number may be ahead of the first one that is missing: 4096.
///
/// An unordered channel remembers which numbers it had; this bounds how many.
pub const MAX_AHEAD: u64 = 4096;

/// How many bytes of messages a connection keeps for sending, unconfirmed ones included: 8 MiB.
pub const SEND_BUFFER: usize = 8 * 1024 * 1024;

/// How many unreliable messages wait for being sent, and as many for being read: 256. The oldest is
/// dropped and counted when there is one more; who wants to lose none does not use such a channel.
pub const UNRELIABLE_QUEUE: usize = 256;

/// How many ranges of packet numbers are acknowledged at most: 32.
///
/// RFC 9000 §13.2.3 asks for a limit. What falls out is sent again by the peer and dropped as a repeat.
pub const MAX_ACK_RANGES: usize = 32;

/// How many lost packets are remembered, in case that they were only late: 1024.
pub const MAX_LOST: usize = 1024;

/// How many packet numbers back a packet is still taken (RFC 6479): 4096, more than a window of
/// packets in flight. It is a multiple of 64.
pub const REPLAY_WINDOW: u64 = 4096;

/// Largest packet number: 2^62 - 1 (RFC 9000 §12.3). It is never reached.
pub const MAX_PACKET_NUMBER: u64 = (1 << 62) - 1;

/// Packets under one key before the next: 2^22, half of what RFC 9001 §6.6 allows with AES-GCM.
pub const REKEY_PACKETS: u64 = 1 << 22;

/// Age of a key at which the next is taken: 120 s, as WireGuard has it.
pub const REKEY_AFTER: Duration = Duration::from_secs(120);

/// Bytes that may be sent to an address that is not proven, for each one received from it: 3
/// (RFC 9000 §8.1).
pub const AMPLIFICATION: usize = 3;

/// Handshakes under way that others began: 512. One costs some 4 KiB where the opener is not known yet, most
/// of it the state of Noise.
pub const MAX_HALF_OPEN: usize = 512;

/// Handshakes under way from which on a cookie is asked for: 64. First packets that were computed and
/// found forged count too, here and below, for as long as a handshake may take.
pub const COOKIE_FROM: usize = 64;

/// Handshakes under way from one IP address: 16, so that one host does not take all places.
pub const MAX_HALF_OPEN_PER_HOST: usize = 16;

/// How long a handshake that another began may take: 10 s, some resends of its last packet.
pub const HALF_OPEN_TIME: Duration = Duration::from_secs(10);

/// How long a secret makes cookies; they hold until it is replaced once more.
pub const COOKIE_SECRET_TIME: Duration = Duration::from_secs(60);

/// Connections of one endpoint, those that have ended and are not read included: 16384.
pub const MAX_CONNECTIONS: usize = 16 * 1024;

/// First wait for an answer to the first packet: 1 s (RFC 9002 §6.2.2, RFC 8085 §3.1.1); it doubles.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Longest wait before something is sent again: 3 s.
///
/// RFC 8085 §3.1.3 allows one datagram in 3 s even without any knowledge of the path. Waiting longer
/// would only mean that the end of an outage is noticed later.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// How long our own handshake may take: 20 s.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(20);

/// How long an acknowledgement may be held back: 25 ms (RFC 9000 §18.2, `max_ack_delay`).
pub const ACK_DELAY: Duration = Duration::from_millis(25);

/// How many packets that want an answer are acknowledged at the latest: 2 (RFC 9000 §13.2.2).
pub const ACK_EVERY: u32 = 2;

/// Answers to path challenges that wait for being sent: 4. A peer that sends more gets fewer.
pub const MAX_PATH_RESPONSES: usize = 4;

/// Longest reason in words that comes with an end, in bytes.
pub const MAX_REASON: usize = 256;

/// Answers to first packets that wait for being sent: 256. What finds no place is asked for again.
pub const MAX_REPLIES: usize = 256;
