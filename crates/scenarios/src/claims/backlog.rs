//! Claims a and f: what `listen(5)` means.

use std::fmt::Write as _;

use super::{Part, claim, claim_told, counted, measured, part};
use crate::findings::{Check, Claim};
use crate::spelled::spelled;

/// Claim a: the backlog is the number of those who wait, and the rest are refused.
///
/// That one is served is what the demo's server is told to do, so it is where the claim begins and no part
/// of it that could be wrong: where another number was served, the rest was not put to the test.
pub fn backlog_holds_five_and_refuses_the_rest(checks: &[Check]) -> Claim {
    let one_is_served = measured(checks, "served") == Some("1");
    let turned_away = counted(checks, "turned-away").unwrap_or(0);
    let mut parts = [
        part(checks, "queue-holds", |waiting| waiting == "5"),
        part(checks, "no-refusal", |refused| turned_away > 0 && refused == turned_away.to_string()),
    ];
    if !one_is_served {
        parts = parts.map(|part| Part::unseen(part.check));
    }
    let mut claim = claim_told(
        "a",
        "with listen(5) one client is served, five wait, the others are refused",
        &parts,
        &where_the_others_are(checks),
    );
    let premises =
        ["served", "turned-away"].into_iter().filter(|id| measured(checks, id).is_some());
    claim.because.splice(0..0, premises.map(str::to_owned));
    claim
}

/// How many waited, and what became of those who found no place.
fn where_the_others_are(checks: &[Check]) -> String {
    let count = |id| counted(checks, id).unwrap_or(0);
    let (waiting, backlog) = (count("queue-holds"), count("backlog"));
    let mut says = format!("{} wait", spelled(waiting));
    if waiting == backlog + 1 {
        says += ": the queue takes a connection while its length is not above the backlog";
    }
    if backlog != 5 {
        let _ = write!(says, ", which net.core.somaxconn has cut to {}", spelled(backlog));
    }
    says += match (count("turned-away"), count("no-refusal")) {
        (0, _) => ". Nobody was turned away.",
        (_, 0) if measured(checks, "syn-dropped") == Some("0") => {
            ". Nobody is refused: the SYN of one too many is dropped without a word, and its system tries \
             again."
        }
        (_, 0) => ". Nobody is refused: who is one too many gets no answer.",
        (turned_away, refused) if refused == turned_away => ". Who finds no place is refused.",
        _ => ". Of those who find no place some are refused.",
    };
    says
}

/// The part of claim f that a full queue shows: what it is that `listen()` sizes. `tried` is how many
/// came at the same instant.
pub fn listen_sizes_the_half_open_pool(checks: &[Check], tried: usize) -> Claim {
    let is_some = |count: &str| count.parse().is_ok_and(|count: usize| count > 0);
    let is_bounded = |kept: &str| kept.parse().is_ok_and(|kept: usize| kept < tried);
    let parts = [
        part(checks, "half-open-waiting", is_some).telling(
            "of those that wait in the queue of listen() some are half-open.",
            "listen() sizes the accept queue, where complete connections wait (listen(2), since Linux 2.2).",
        ),
        part(checks, "half-open-limit", is_bounded).telling(
            "Kernels of today use the same number as the limit of half-open ones, but as a limit to be \
             defended, not as the defence.",
            "No limit of half-open ones was met.",
        ),
    ];
    let says =
        "the half-open pool is what listen() sizes (the part of the claim that needs no flood)";
    claim("f", says, &parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::checks;
    use crate::findings::Verdict;

    fn a(served: &str, waiting: &str, turned_away: &str, refused: &str) -> Claim {
        backlog_holds_five_and_refuses_the_rest(&checks(&[
            ("served", served),
            ("backlog", "5"),
            ("queue-holds", waiting),
            ("turned-away", turned_away),
            ("no-refusal", refused),
        ]))
    }

    #[test]
    fn claim_a_is_confirmed_where_five_wait_and_the_rest_are_refused() {
        let judge = |waiting, turned_away, refused| a("1", waiting, turned_away, refused).verdict;
        assert_eq!(judge("5", "2", "2"), Verdict::Confirmed);
        assert_eq!(judge("6", "1", "1"), Verdict::Partly);
        assert_eq!(judge("5", "2", "0"), Verdict::Partly);
        assert_eq!(judge("6", "1", "0"), Verdict::Refuted);
        assert_eq!(judge("5", "0", "0"), Verdict::Partly, "nobody was there to be refused");
        assert_eq!(a("2", "5", "1", "1").verdict, Verdict::Skipped, "two were served");
        assert_eq!(backlog_holds_five_and_refuses_the_rest(&[]).verdict, Verdict::Skipped);
    }

    #[test]
    fn what_is_so_instead_of_claim_a_has_the_numbers_of_the_run() {
        let instead = |backlog, waiting, more: &[(&str, &str)]| {
            let all = [("served", "1"), ("backlog", backlog), ("queue-holds", waiting)];
            backlog_holds_five_and_refuses_the_rest(&checks(&[&all[..], more].concat())).instead
        };
        let away = [("turned-away", "3"), ("no-refusal", "0")];
        let dropped = [&away[..], &[("syn-dropped", "0")]].concat();
        let cut = instead("3", "4", &dropped);
        assert!(cut.starts_with("four wait: ") && cut.contains("cut to three. Nobody"), "{cut}");
        assert!(cut.contains("dropped without a word"), "{cut}");
        let unseen = instead("5", "6", &away);
        assert!(unseen.starts_with("six wait: ") && !unseen.contains("dropped"), "{unseen}");
        let right = instead("5", "5", &[("turned-away", "2"), ("no-refusal", "2")]);
        assert_eq!(right, "five wait. Who finds no place is refused.");
    }

    #[test]
    fn claim_f_is_confirmed_where_half_open_ones_fill_the_queue() {
        let judge = |measured: &[(&str, &str)]| {
            listen_sizes_the_half_open_pool(&checks(measured), 20).verdict
        };
        let waiting = |count| ("half-open-waiting", count);
        let kept = |count| ("half-open-limit", count);
        assert_eq!(judge(&[waiting("5"), kept("5")]), Verdict::Confirmed);
        assert_eq!(judge(&[waiting("0"), kept("6")]), Verdict::Partly);
        assert_eq!(judge(&[waiting("0"), kept("20")]), Verdict::Refuted);
        assert_eq!(judge(&[waiting("0")]), Verdict::Partly);
        assert_eq!(judge(&[]), Verdict::Skipped);
    }

    #[test]
    fn claim_f_says_nothing_of_a_limit_that_was_not_seen() {
        let Claim { because, instead, .. } =
            listen_sizes_the_half_open_pool(&checks(&[("half-open-waiting", "0")]), 20);
        assert_eq!(because, ["half-open-waiting"]);
        assert!(instead.contains("accept queue") && !instead.contains("limit"), "{instead}");
    }
}
