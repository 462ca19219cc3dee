//! Claims k, l and r: what opens a connection, and whose it is.

use super::{Part, claim};
use crate::findings::Claim;

/// What was seen of the handshake's steps, for claim l.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Whether the server's number and its answer travelled in one segment of three.
    pub together: Option<bool>,
    /// Whether a handshake in which they cannot took four segments.
    pub four_apart: Option<bool>,
}

/// Claim l: four steps, two of them in one segment.
pub fn handshake_has_four_steps_of_which_two_travel_together(seen: Steps) -> Claim {
    let part = |check, holds| Part { check, holds };
    claim(
        "l",
        "the handshake would take four steps, and two of them travel together",
        &[part("talk-together", seen.together), part("both-open-four", seen.four_apart)],
        "so it is: each side sends its number and has it acknowledged, and a server's answer and its own number \
         fit in one segment (RFC 9293, 3.5). Where both sides begin at once, nothing can be joined, and \
         four segments open the connection.",
    )
}

/// What a server took for one and the same client, for claim k.
#[derive(Clone, Copy, Debug)]
pub struct ToldApart {
    /// Whether two requests with one address and one SYN number, from two ports, were one client's.
    pub twins_are_one: Option<bool>,
    /// Whether a segment with a client's address and port and a foreign number was another client's.
    pub other_number_is_another: Option<bool>,
}

/// Claim k: the pair of address and SYN number tells clients apart.
pub fn clients_are_told_apart_by_address_and_number(seen: ToldApart) -> Claim {
    let part = |check, holds| Part { check, holds };
    claim(
        "k",
        "the server tells clients apart by IP address and SYN number",
        &[
            part("clients-twin-numbers", seen.twins_are_one),
            part("clients-wrong-number", seen.other_number_is_another),
        ],
        "by address and port, of both sides. The number does not take part: two clients of one address may begin \
         with the same, and a segment with a wrong number still belongs to the connection, which rejects it.",
    )
}

/// What a server was made of when it had accepted connections, for claim r.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// Connections that it had accepted and held at the same time.
    pub connections: usize,
    /// Its processes before the first client came, and with all of them.
    pub processes: (usize, usize),
}

/// Claim r: a new process for each accept, and a pipe to it.
pub fn accept_waits_for_a_process_of_its_own(seen: Accepted) -> Claim {
    let (before, after) = seen.processes;
    let new = after.saturating_sub(before);
    claim(
        "r",
        "accept waits for a new process; the socket is the pipe to that process",
        &[
            Part::seen("accept-processes", new >= 1),
            Part::seen("accept-one", new >= seen.connections),
        ],
        "accept waits for a connection, which the kernel has made by then, and gives the same process one more \
         descriptor. The other end of the socket is the peer, wherever it runs.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_l_is_confirmed_where_four_steps_travel_in_three_segments() {
        let judge = |together, four_apart| {
            let seen = Steps { together, four_apart };
            handshake_has_four_steps_of_which_two_travel_together(seen).verdict
        };
        assert_eq!(judge(Some(true), Some(true)), Verdict::Confirmed);
        assert_eq!(judge(Some(true), Some(false)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(false)), Verdict::Refuted);
        assert_eq!(judge(None, None), Verdict::Skipped);
    }

    #[test]
    fn claim_k_is_confirmed_where_address_and_number_make_the_client() {
        let judge = |twins_are_one, other_number_is_another| {
            let seen = ToldApart { twins_are_one, other_number_is_another };
            clients_are_told_apart_by_address_and_number(seen).verdict
        };
        assert_eq!(judge(Some(true), Some(true)), Verdict::Confirmed);
        assert_eq!(judge(Some(false), Some(true)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(false)), Verdict::Refuted);
        assert_eq!(judge(None, None), Verdict::Skipped);
    }

    #[test]
    fn claim_r_is_confirmed_where_each_accept_has_a_process() {
        let judge = |connections, before, after| {
            let seen = Accepted { connections, processes: (before, after) };
            accept_waits_for_a_process_of_its_own(seen).verdict
        };
        assert_eq!(judge(3, 1, 4), Verdict::Confirmed);
        assert_eq!(judge(3, 1, 2), Verdict::Partly);
        assert_eq!(judge(3, 1, 1), Verdict::Refuted);
    }
}
