//! Claim f: what defends against a flood of requests.

use super::{Part, claim, measured, part};
use crate::findings::{Check, Claim, Outcome};

/// Claim f: the pool defends, and `listen()` says how large it is.
pub fn half_open_pool_defends_and_listen_sizes_it(checks: &[Check]) -> Claim {
    // Where a knob was turned, a story may not have had what it is about, and then says nothing.
    let is_zero = |id| measured(checks, id) == Some("0");
    let only_where = |so: bool, part: Part| if so { part } else { Part::unseen(part.check) };
    let pool_alone = part(checks, "no-cookies-client", |got| got == "served");
    // What defends must be missed where it is absent.
    let without_pool = part(checks, "cookies-always-client", |got| got != "served");
    let is_bound = |check: &&Check| check.id == "no-cookies-half-open";
    let bounded = checks.iter().find(is_bound).is_some_and(|check| check.outcome == Outcome::Ok);
    claim(
        "f",
        "the half-open pool is what defends against a flood, and listen() sizes it",
        &[
            only_where(is_zero("no-cookies-sent"), pool_alone).telling(
                "with nothing but the pool an honest client was served.",
                "the pool is what a flood fills: with nothing else an honest client was not served.",
            ),
            only_where(is_zero("cookies-always-half-open"), without_pool).telling(
                "Without the pool an honest client was not served, cookies or not.",
                "SYN cookies defend, which need no place in it: with them an honest client was served, also by a \
                 server that keeps no half-open connection.",
            ),
            part(checks, "no-cookies-half-open", |_| bounded).telling(
                "That the backlog of listen() bounds the pool is so on Linux of today.",
                "The pool was not as large as the backlog of listen() lets one expect.",
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::checks;
    use crate::findings::Verdict;

    /// What a client got from the pool alone, and without any; and whether the pool was as large as
    /// expected.
    fn judge(pool_alone: &str, without_pool: &str, bounded: bool, cookies: &str) -> Verdict {
        let mut run = checks(&[
            ("no-cookies-sent", cookies),
            ("no-cookies-client", pool_alone),
            ("cookies-always-half-open", "0"),
            ("cookies-always-client", without_pool),
        ]);
        let (id, kept) = ("no-cookies-half-open", "9".to_owned());
        run.push(Check::new(id, "kept", "8..9".to_owned(), kept, bounded));
        half_open_pool_defends_and_listen_sizes_it(&run).verdict
    }

    #[test]
    fn claim_f_is_confirmed_where_the_pool_of_listen_is_what_serves_the_client() {
        assert_eq!(judge("served", "timed_out", true, "0"), Verdict::Confirmed);
        assert_eq!(judge("timed_out", "served", true, "0"), Verdict::Partly);
        assert_eq!(judge("timed_out", "served", false, "0"), Verdict::Refuted);
        assert_eq!(judge("served", "timed_out", true, "191"), Verdict::Partly, "cookies served it");
        assert_eq!(half_open_pool_defends_and_listen_sizes_it(&[]).verdict, Verdict::Skipped);
    }

    #[test]
    fn claim_f_says_of_the_pool_only_what_was_seen() {
        let run = [("no-cookies-sent", "191"), ("no-cookies-client", "served")];
        let told = half_open_pool_defends_and_listen_sizes_it(&checks(&run)).instead;
        assert_eq!(told, crate::claims::NONE_SEEN);
        let run = [("no-cookies-sent", "0"), ("no-cookies-client", "served")];
        let told = half_open_pool_defends_and_listen_sizes_it(&checks(&run)).instead;
        assert_eq!(told, "with nothing but the pool an honest client was served.");
    }
}
