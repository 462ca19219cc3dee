//! Claim h: receiving while typing.

use super::{Part, claim};
use crate::findings::Claim;

/// A program in which somebody types and is talked to, for claim h.
#[derive(Clone, Copy, Debug)]
pub struct Typing {
    /// The processes that it is made of.
    pub processes: usize,
    /// What it received between two lines that were typed.
    pub heard_while_typing: usize,
}

/// Claim h: who types cannot receive in the same process.
pub fn receiving_while_typing_needs_processes(seen: Option<Typing>) -> Claim {
    let one_does = |typing: Typing| typing.processes == 1 && typing.heard_while_typing > 0;
    claim(
        "h",
        "receiving while typing needs several processes",
        &[Part { check: "while-typing", holds: seen.map(|typing| !one_does(typing)) }],
        "one process waits for both at once, with poll, epoll, threads or an asynchronous runtime.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_h_is_confirmed_where_one_process_is_deaf_while_somebody_types() {
        let judge = |processes, heard_while_typing| {
            let seen = Typing { processes, heard_while_typing };
            receiving_while_typing_needs_processes(Some(seen)).verdict
        };
        assert_eq!(judge(1, 0), Verdict::Confirmed);
        assert_eq!(judge(2, 5), Verdict::Confirmed);
        assert_eq!(judge(1, 5), Verdict::Refuted);
        assert_eq!(receiving_while_typing_needs_processes(None).verdict, Verdict::Skipped);
    }
}
