//! Claim f: what defends against a flood of requests.

use super::{Part, claim};
use crate::findings::Claim;

/// What an honest client got during a flood, and what the server kept of it, for claim f.
#[derive(Clone, Copy, Debug)]
pub struct Flooded {
    /// Whether the client was served where there was nothing but the half-open pool.
    pub served_by_pool_alone: Option<bool>,
    /// Whether it was served where no half-open connection was kept at all.
    pub served_without_pool: Option<bool>,
    /// Whether as many half-open connections were kept as `listen()` allows, and no more.
    pub bounded_by_listen: Option<bool>,
}

/// Claim f: the pool defends, and `listen()` says how large it is.
pub fn half_open_pool_defends_and_listen_sizes_it(seen: Flooded) -> Claim {
    let part = |check, holds| Part { check, holds };
    claim(
        "f",
        "the half-open pool is what defends against a flood, and listen() sizes it",
        &[
            part("no-cookies-client", seen.served_by_pool_alone),
            // What defends must be missed where it is absent.
            part("cookies-always-client", seen.served_without_pool.map(|served| !served)),
            part("no-cookies-half-open", seen.bounded_by_listen),
        ],
        "the pool is what a flood fills. SYN cookies defend, which need no place in it: with them an honest \
         client is served, also by a server that keeps no half-open connection. That the backlog of \
         listen() bounds the pool is so on Linux of today.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_f_is_confirmed_where_the_pool_of_listen_is_what_serves_the_client() {
        let judge = |served_by_pool_alone, served_without_pool, bounded_by_listen| {
            let seen = Flooded { served_by_pool_alone, served_without_pool, bounded_by_listen };
            half_open_pool_defends_and_listen_sizes_it(seen).verdict
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(judge(yes, no, yes), Verdict::Confirmed);
        assert_eq!(judge(no, yes, yes), Verdict::Partly);
        assert_eq!(judge(no, yes, no), Verdict::Refuted);
        assert_eq!(judge(None, None, None), Verdict::Skipped);
    }
}
