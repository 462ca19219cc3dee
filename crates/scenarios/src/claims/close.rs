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
    let never_merged = segments.map(|segments| segments >= 4);
    let part = Part::new("close-three", never_merged).telling(
        "the second side closed at once, and its FIN did not take the ACK along.",
        "an ACK may be held back for a moment, and a FIN that is sent within it takes it along: three segments \
         whenever the second side closes at once, four when it has something else to do first.",
    );
    claim("j", "the two middle segments of the close can never be merged", &[part])
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
    let whose = match owners {
        Some((Side::Client, Side::Server)) => "it belongs to whoever closes first.".to_owned(),
        Some((client_first, server_first)) => format!(
            "it was the {client_first}'s where the client closed first, and the {server_first}'s where the \
             server did."
        ),
        None => String::new(),
    };
    let held = seen.bytes_to_send.map(|bytes| bytes > 0);
    let bytes = seen.bytes_to_send.unwrap_or_default();
    claim(
        "p",
        "TIME_WAIT is the server making sure that it has sent everything",
        &[
            Part::new("tw-client-owner", always_server)
                .telling("it was the server's, whoever closed first.", &whose),
            Part::new("tw-client-bytes", held).telling(
                &format!("It held {bytes} bytes."),
                "It has nothing left to send: no data, no file, no program. It is there to answer a FIN that comes \
                 again because the last ACK was lost, and to keep late copies of old segments out of the next \
                 connection.",
            ),
        ],
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
        assert!(middle_segments_never_merge(Some(4)).instead.contains("did not take the ACK"));
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
        assert_eq!(judge(client, client, Some(0)), Verdict::Refuted);
        assert_eq!(judge(None, server, None), Verdict::Skipped);
    }

    #[test]
    fn claim_p_says_whose_it_was_and_what_it_held() {
        let told = |client_closes, server_closes, bytes| {
            let [client_closes, server_closes] = [client_closes, server_closes].map(Some);
            let seen = TimeWait { client_closes, server_closes, bytes_to_send: Some(bytes) };
            time_wait_is_the_servers_care(&seen).instead
        };
        let usual = told(Side::Client, Side::Server, 0);
        assert!(usual.starts_with("it belongs to whoever closes first. It has nothing"), "{usual}");
        let right = told(Side::Server, Side::Server, 7);
        assert_eq!(right, "it was the server's, whoever closed first. It held 7 bytes.");
        let other = told(Side::Client, Side::Client, 0);
        assert!(other.starts_with("it was the client's where the client closed first"), "{other}");
    }
}
