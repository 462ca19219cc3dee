//! Claim h: receiving while typing.

use super::{Part, claim};
use crate::findings::Claim;

/// A program in which somebody types and is talked to, for claim h.
#[derive(Clone, Copy, Debug)]
pub struct Typing {
    /// The checks that measured the two numbers.
    pub checks: [&'static str; 2],
    /// The processes that it is made of.
    pub processes: usize,
    /// What it received between two lines that were typed.
    pub heard_while_typing: usize,
}

/// Claim h: who types cannot receive in the same process.
///
/// A program that was not seen says nothing of it: one that does both in one process is enough.
pub fn receiving_while_typing_needs_processes(seen: &[Typing]) -> Claim {
    let parts = seen.iter().flat_map(|typing| {
        let one_does = typing.processes == 1 && typing.heard_while_typing > 0;
        let Typing { processes, heard_while_typing, .. } = typing;
        let otherwise = match (processes, heard_while_typing) {
            (_, 0) => "a program heard nothing while somebody typed.".to_owned(),
            (processes, _) => format!("a program that did both took {processes} processes."),
        };
        let one_waits = "one process waits for both at once, with poll, epoll, threads or an asynchronous runtime.";
        typing.checks.map(|check| Part::seen(check, !one_does).telling(&otherwise, one_waits))
    });
    claim("h", "receiving while typing needs several processes", &parts.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_h_is_confirmed_where_one_process_is_deaf_while_somebody_types() {
        let typing = |(processes, heard_while_typing)| Typing {
            checks: ["processes", "heard"],
            processes,
            heard_while_typing,
        };
        let judge = |seen: &[(usize, usize)]| {
            let seen: Vec<_> = seen.iter().copied().map(typing).collect();
            receiving_while_typing_needs_processes(&seen).verdict
        };
        assert_eq!(judge(&[(1, 0)]), Verdict::Confirmed);
        assert_eq!(judge(&[(2, 5)]), Verdict::Confirmed);
        assert_eq!(judge(&[(1, 5)]), Verdict::Refuted);
        assert_eq!(judge(&[(1, 5), (1, 1)]), Verdict::Refuted);
        assert_eq!(judge(&[(1, 5), (2, 5)]), Verdict::Partly);
        assert_eq!(judge(&[]), Verdict::Skipped);
        let claim = receiving_while_typing_needs_processes(&[typing((1, 5))]);
        assert_eq!(claim.because, ["processes", "heard"]);
        assert!(claim.instead.starts_with("one process waits for both"), "{claim:?}");
        for (seen, says) in [((1, 0), "heard nothing"), ((2, 5), "took 2 processes")] {
            let claim = receiving_while_typing_needs_processes(&[typing(seen)]);
            assert!(claim.instead.contains(says) && !claim.instead.contains("one"), "{claim:?}");
        }
    }
}
