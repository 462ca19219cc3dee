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
    let part = |check, holds| Part { check, holds };
    let not = |seen: Option<bool>| seen.map(|seen| !seen);
    claim(
        "o",
        "without listen or accept a TCP connection cannot be made; UDP needs only an address",
        &[
            part("no-listen-connect", seen.refused_without_listen),
            part("no-accept-stands", not(seen.stands_without_accept)),
            part("both-open-established", not(seen.stands_without_both)),
            part("no-bind-datagram", seen.datagram_arrives),
        ],
        "without listen() a client is refused, so much is right. accept() is not needed: the kernel completes \
         the connection and takes data without it. And two sides that connect to each other at the same time \
         need neither. For UDP it is so: an address is enough.",
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
}
