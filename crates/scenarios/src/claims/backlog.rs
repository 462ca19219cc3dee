//! Claims a and f: what `listen(5)` means.

use super::{Part, claim};
use crate::findings::Claim;

/// What eight clients of a server with `listen(5)` met, for claim a.
#[derive(Clone, Copy, Debug)]
pub struct Overflow {
    /// Clients whose connection waited in the accept queue.
    pub waiting: usize,
    /// Clients that found neither service nor a place in the queue.
    pub turned_away: usize,
    /// Those of them that were told so by a reset.
    pub refused: usize,
}

/// Claim a: the backlog is the number of those who wait, and the rest are refused.
pub fn backlog_holds_five_and_refuses_the_rest(seen: Option<Overflow>) -> Claim {
    let parts = match seen {
        Some(seen) => [
            Part::seen("queue-holds", seen.waiting == 5),
            Part::seen("no-refusal", seen.turned_away > 0 && seen.refused == seen.turned_away),
        ],
        None => [Part::unseen("queue-holds"), Part::unseen("no-refusal")],
    };
    claim(
        "a",
        "with listen(5) one client is served, five wait, the others are refused",
        &parts,
        "six wait: the queue takes a connection while its length is not above the backlog. \
         Nobody is refused: the SYN of one too many is dropped without a word, and its system tries again.",
    )
}

/// What `listen()` was seen to size, for claim f.
#[derive(Clone, Copy, Debug)]
pub struct ListenSizes {
    /// Whether what waits in the queue of `listen()` is half-open.
    pub queue_is_half_open: Option<bool>,
    /// Whether the number given to `listen()` bounds the half-open connections.
    pub bounds_half_open: Option<bool>,
}

/// The part of claim f that a full queue shows: what it is that `listen()` sizes.
pub fn listen_sizes_the_half_open_pool(seen: ListenSizes) -> Claim {
    let part = |check, holds| Part { check, holds };
    claim(
        "f",
        "the half-open pool is what listen() sizes (the part of the claim that needs no flood)",
        &[
            part("half-open-waiting", seen.queue_is_half_open),
            part("half-open-limit", seen.bounds_half_open),
        ],
        "listen() sizes the accept queue, where complete connections wait (listen(2), since Linux 2.2). \
         Kernels of today use the same number as the limit of half-open ones, but as a limit to be \
         defended, not as the defence.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_a_is_confirmed_where_five_wait_and_the_rest_are_refused() {
        let judge = |waiting, turned_away, refused| {
            let seen = Overflow { waiting, turned_away, refused };
            backlog_holds_five_and_refuses_the_rest(Some(seen)).verdict
        };
        assert_eq!(judge(5, 2, 2), Verdict::Confirmed);
        assert_eq!(judge(6, 1, 1), Verdict::Partly);
        assert_eq!(judge(5, 2, 0), Verdict::Partly);
        assert_eq!(judge(6, 1, 0), Verdict::Refuted);
        assert_eq!(backlog_holds_five_and_refuses_the_rest(None).verdict, Verdict::Skipped);
    }

    #[test]
    fn claim_f_is_confirmed_where_half_open_ones_fill_the_queue() {
        let judge = |queue_is_half_open, bounds_half_open| {
            let seen = ListenSizes { queue_is_half_open, bounds_half_open };
            listen_sizes_the_half_open_pool(seen).verdict
        };
        assert_eq!(judge(Some(true), Some(true)), Verdict::Confirmed);
        assert_eq!(judge(Some(false), Some(true)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(false)), Verdict::Refuted);
        assert_eq!(judge(Some(false), None), Verdict::Partly);
        assert_eq!(judge(None, None), Verdict::Skipped);
    }
}
