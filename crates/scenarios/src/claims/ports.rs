//! Claim o: what a connection needs.

use super::{Part, claim};
use crate::findings::Claim;

/// What came of connections and datagrams with steps left out, for claim o.
#[derive(Clone, Copy, Debug)]
pub struct StepsLeftOut {
    /// Whether a client was refused where nobody listened.
    pub refused_without_listen: Option<bool>,
    /// Whether a connection stood that nobody accepted.
    pub stands_without_accept: Option<bool>,
    /// Whether a connection stood between two sides of which neither listened nor accepted.
    pub stands_without_both: Option<bool>,
    /// Whether a datagram arrived whose sender did nothing but send it to an address.
    pub datagram_arrives: Option<bool>,
}

/// Claim o: no connection without `listen` and `accept`, and UDP needs only an address.
pub fn connection_needs_listen_and_accept(seen: StepsLeftOut) -> Claim {
    let not = |seen: Option<bool>| seen.map(|seen| !seen);
    claim(
        "o",
        "without listen or accept a TCP connection cannot be made; UDP needs only an address",
        &[
            Part::new("no-listen-connect", seen.refused_without_listen).telling(
                "without listen() a client is refused, so much is right.",
                "a client was not refused where nobody listened.",
            ),
            Part::new("no-accept-stands", not(seen.stands_without_accept)).telling(
                "Without accept() no connection stood.",
                "accept() is not needed: the kernel completes the connection and takes data without it.",
            ),
            Part::new("both-open-established", not(seen.stands_without_both)).telling(
                "Two sides that connected to each other got no connection.",
                "Two sides that connect to each other at the same time need neither.",
            ),
            Part::new("no-bind-datagram", seen.datagram_arrives).telling(
                "For UDP it is so: an address is enough.",
                "A datagram that was only sent to an address did not arrive.",
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_o_is_confirmed_where_nothing_stands_without_listen_and_accept() {
        let judge =
            |refused_without_listen, stands_without_accept, stands_without_both, arrives| {
                connection_needs_listen_and_accept(StepsLeftOut {
                    refused_without_listen,
                    stands_without_accept,
                    stands_without_both,
                    datagram_arrives: arrives,
                })
                .verdict
            };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(judge(yes, no, no, yes), Verdict::Confirmed);
        assert_eq!(judge(yes, yes, yes, yes), Verdict::Partly);
        assert_eq!(judge(yes, no, None, yes), Verdict::Partly);
        assert_eq!(judge(no, yes, yes, no), Verdict::Refuted);
        assert_eq!(judge(None, None, None, None), Verdict::Skipped);
    }

    #[test]
    fn claim_o_says_nothing_of_what_was_not_seen() {
        let told = connection_needs_listen_and_accept(StepsLeftOut {
            refused_without_listen: Some(true),
            stands_without_accept: None,
            stands_without_both: None,
            datagram_arrives: Some(false),
        });
        let expected = "without listen() a client is refused, so much is right. A datagram that was only \
                        sent to an address did not arrive.";
        assert_eq!(told.instead, expected);
    }
}
