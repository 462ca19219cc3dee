//! Claims j and p: how a connection is closed.

use std::fmt;

use super::{Part, claim};
use crate::findings::Claim;

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who connected.
    Client,
    /// Who accepted.
    Server,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// Claim j: the two middle segments of the close can never be merged.
///
/// `segments` are those of a close in which the second side closes at once.
pub fn middle_segments_never_merge(segments: Option<usize>) -> Claim {
    claim(
        "j",
        "the two middle segments of the close can never be merged",
        &[Part { check: "close-three", holds: segments.map(|segments| segments >= 4) }],
        "an ACK may be held back for a moment, and a FIN that is sent within it takes it along: three segments \
         whenever the second side closes at once, four when it has something else to do first.",
    )
}

/// What was seen of TIME_WAIT, for claim p.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeWait {
    /// Who had it when the client closed first; none where it was not seen.
    pub client_closes: Option<Side>,
    /// Who had it when the server closed first.
    pub server_closes: Option<Side>,
    /// Bytes that it still held.
    pub bytes_to_send: Option<u32>,
}

/// Claim p: TIME_WAIT is the server making sure that it has sent everything.
pub fn time_wait_is_the_servers_care(seen: &TimeWait) -> Claim {
    let owners = seen.client_closes.zip(seen.server_closes);
    let always_server = owners.map(|owners| owners == (Side::Server, Side::Server));
    claim(
        "p",
        "TIME_WAIT is the server making sure that it has sent everything",
        &[
            Part { check: "tw-client-owner", holds: always_server },
            Part { check: "tw-client-bytes", holds: seen.bytes_to_send.map(|bytes| bytes > 0) },
        ],
        "it belongs to whoever closes first, and has nothing left to send: no data, no file, no program. It \
         answers a FIN that comes again because the last ACK was lost, and keeps late copies of old segments \
         out of the next connection.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_j_is_confirmed_where_a_close_takes_four_segments_at_the_least() {
        let judge = |segments| middle_segments_never_merge(segments).verdict;
        assert_eq!(judge(Some(4)), Verdict::Confirmed);
        assert_eq!(judge(Some(3)), Verdict::Refuted);
        assert_eq!(judge(None), Verdict::Skipped);
    }

    #[test]
    fn claim_p_is_confirmed_where_the_server_always_has_it_and_something_to_send() {
        let judge = |client_closes, server_closes, bytes_to_send| {
            let seen = TimeWait { client_closes, server_closes, bytes_to_send };
            time_wait_is_the_servers_care(&seen).verdict
        };
        let (client, server) = (Some(Side::Client), Some(Side::Server));
        assert_eq!(judge(server, server, Some(1)), Verdict::Confirmed);
        assert_eq!(judge(server, server, Some(0)), Verdict::Partly);
        assert_eq!(judge(client, server, Some(0)), Verdict::Refuted);
        assert_eq!(judge(None, server, None), Verdict::Skipped);
    }
}
