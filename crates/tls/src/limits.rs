//! How large anything may become here, each with its reason.

/// The largest file of certificates or of a key that is read: 1 MiB, several times what all the public
/// authorities take. A larger one is something else.
pub const MAX_FILE: u64 = 1 << 20;

/// How many bytes rustls keeps for a peer beyond what the socket takes, before a write waits: 64 KiB.
///
/// It is none while a connection is idle. A record is up to 16 KiB, so a bulk writer fills four before it
/// has to wait for the socket.
pub const WRITE_BUFFER: usize = 64 * 1024;

/// The year until which a certificate that a server made for itself is valid: 2120.
///
/// Nobody renews it, and who trusts it trusts this very certificate, whatever its dates say.
pub const SELF_SIGNED_UNTIL: i32 = 2120;
