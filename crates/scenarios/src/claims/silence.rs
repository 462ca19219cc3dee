//! Claim g: silence, and empty messages.

use super::{Part, claim};
use crate::findings::Claim;

/// What became of silence and of empty messages, for claim g.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// Whether two sides that both receive went on waiting.
    pub both_wait: Option<bool>,
    /// Whether an empty send over a stream was received.
    pub stream_receives: Option<bool>,
    /// Whether an empty datagram was received.
    pub datagram_arrives: Option<bool>,
}

/// Claim g: two receivers wait for ever, and nothing cannot be received.
pub fn silence_waits_and_empty_is_never_received(seen: Silence) -> Claim {
    claim(
        "g",
        "two sides that both receive wait for ever; an empty message is never received",
        &[
            Part::new("both-wait", seen.both_wait).telling(
                "so it is with TCP, which has no timer for silence.",
                "two sides that both received did not go on waiting.",
            ),
            Part::new("empty-stream", seen.stream_receives.map(|received| !received)).telling(
                "Nor has a stream empty messages: an empty send puts nothing on it.",
                "Over a stream an empty message was received.",
            ),
            Part::new("datagram-arrives", seen.datagram_arrives.map(|arrived| !arrived)).telling(
                "An empty datagram was not received.",
                "An empty datagram is sent and received like any other.",
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_g_is_confirmed_where_an_empty_datagram_is_lost_too() {
        let judge = |both_wait, stream_receives, datagram_arrives| {
            let seen = Silence { both_wait, stream_receives, datagram_arrives };
            silence_waits_and_empty_is_never_received(seen).verdict
        };
        assert_eq!(judge(Some(true), Some(false), Some(false)), Verdict::Confirmed);
        assert_eq!(judge(Some(true), Some(false), Some(true)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(true), Some(true)), Verdict::Refuted);
        assert_eq!(judge(None, None, None), Verdict::Skipped);
        let seen =
            Silence { both_wait: None, stream_receives: None, datagram_arrives: Some(false) };
        let told = silence_waits_and_empty_is_never_received(seen).instead;
        assert_eq!(told, "An empty datagram was not received.");
    }
}
