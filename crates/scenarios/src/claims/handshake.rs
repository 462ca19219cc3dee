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
    claim(
        "l",
        "the handshake would take four steps, and two of them travel together",
        &[
            Part::new("talk-together", seen.together).telling(
                "each side sends its number and has it acknowledged, and a server's answer and its own number fit \
                 in one segment (RFC 9293, 3.5).",
                "a server's answer and its own number did not travel in one segment of three.",
            ),
            Part::new("both-open-four", seen.four_apart).telling(
                "Where both sides begin at once, nothing can be joined, and four segments open the connection.",
                "Where both sides began at once, it was not four segments that opened the connection.",
            ),
        ],
    )
}

/// What a server took for one and the same client, for claim k.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToldApart {
    /// Whether two requests with one address and one SYN number, from two ports, were one client's.
    pub twins_are_one: Option<bool>,
    /// Whether a segment with a client's address and port and a foreign number was another client's.
    pub other_number_is_another: Option<bool>,
}

/// Claim k: the pair of address and SYN number tells clients apart.
pub fn clients_are_told_apart_by_address_and_number(seen: ToldApart) -> Claim {
    claim(
        "k",
        "the server tells clients apart by IP address and SYN number",
        &[
            Part::new("clients-twin-numbers", seen.twins_are_one).telling(
                "two requests of one address with the same number were not told apart by their ports.",
                "by address and port, of both sides: two clients of one address may begin with the same number.",
            ),
            Part::new("clients-wrong-number", seen.other_number_is_another).telling(
                "A segment with another number was taken for another client's.",
                "A segment with a wrong number still belongs to the connection, which rejects it.",
            ),
        ],
    )
}

/// What a server was made of when it had accepted connections, for claim r.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accepted {
    /// Connections that it had accepted and held at the same time.
    pub connections: usize,
    /// Its processes before the first client came, and with all of them.
    pub processes: (usize, usize),
}

/// Claim r: a new process for each accept, and a pipe to it.
pub fn accept_waits_for_a_process_of_its_own(seen: Option<Accepted>) -> Claim {
    // Without connections that were accepted nothing is told.
    let Accepted { connections, processes: (before, after) } = seen.unwrap_or_default();
    let new = after.saturating_sub(before);
    let with_new = format!("{new} new processes came with {connections} connections.");
    claim(
        "r",
        "accept waits for a new process; the socket is the pipe to that process",
        &[
            Part::new("accept-processes", seen.map(|_| new >= 1)).telling(
                &with_new,
                "accept waits for a connection, which the kernel has made by then, and gives the same process one \
                 more descriptor.",
            ),
            Part::new("accept-one", seen.map(|_| new >= connections)).telling(
                &with_new,
                "The other end of the socket is the peer, wherever it runs, and not a process of its own.",
            ),
        ],
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
            accept_waits_for_a_process_of_its_own(Some(seen)).verdict
        };
        assert_eq!(judge(3, 1, 4), Verdict::Confirmed);
        assert_eq!(judge(3, 1, 2), Verdict::Partly);
        assert_eq!(judge(3, 1, 1), Verdict::Refuted);
        let seen = Accepted { connections: 3, processes: (1, 4) };
        let told = accept_waits_for_a_process_of_its_own(Some(seen)).instead;
        assert_eq!(told, "3 new processes came with 3 connections.");
        assert_eq!(accept_waits_for_a_process_of_its_own(None).verdict, Verdict::Skipped);
    }
}
