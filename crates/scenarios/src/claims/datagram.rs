//! Claims b and n: what a datagram loses, and whether it is faster.

use super::{Part, claim};
use crate::findings::Claim;

/// The part of claim b that is about UDP: what a read leaves behind is lost.
pub fn recv_throws_away_over_udp(rest_lost: Option<bool>) -> Claim {
    let part = Part::new("cut-rest", rest_lost).telling(
        "so it is: one call takes one datagram, and the next call takes the next one. With MSG_TRUNC the kernel \
         says that something was cut. What is so over TCP the demo stream shows.",
        "the next call got what the first one had left of the datagram.",
    );
    let says = "recv(1024) throws away what is beyond 1024 bytes (the part of the claim about UDP)";
    claim("b", says, &[part])
}

/// On which links UDP was clearly faster, for claim n.
#[derive(Clone, Copy, Debug)]
pub struct Race {
    /// Whether the first byte of an answer came clearly sooner; none where a lost one never came.
    pub first_byte: Option<bool>,
    /// Whether over a slow link all bytes were there clearly sooner.
    pub slow_link: bool,
    /// Whether over a fast link all bytes were there clearly sooner.
    pub fast_link: bool,
}

/// Claim n: UDP is faster.
pub fn udp_is_faster_than_tcp(seen: Option<Race>) -> Claim {
    let part = |check, holds: fn(Race) -> Option<bool>| Part::new(check, seen.and_then(holds));
    claim(
        "n",
        "UDP is faster than TCP",
        &[
            part("race-first-udp", |race| race.first_byte).telling(
                "it is first by one round trip, because it shakes no hands.",
                "its first answer came no sooner.",
            ),
            part("race-slow-udp", |race| Some(race.slow_link)).telling(
                "All bytes were there clearly sooner over a slow link.",
                "A lot of bytes comes no faster than the link carries, over either; what UDP sends faster than \
                 that is lost.",
            ),
            part("race-fast-udp", |race| Some(race.fast_link)).telling(
                "Over a link without a limit all of them were there clearly sooner.",
                "Over a link without a limit, too, not all of them were there clearly sooner.",
            ),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_b_is_confirmed_where_the_rest_of_a_datagram_is_lost() {
        let judge = |rest_lost| recv_throws_away_over_udp(rest_lost).verdict;
        assert_eq!(judge(Some(true)), Verdict::Confirmed);
        assert_eq!(judge(Some(false)), Verdict::Refuted);
        assert_eq!(judge(None), Verdict::Skipped);
    }

    #[test]
    fn claim_n_is_confirmed_where_udp_is_faster_on_every_link() {
        let judge = |first_byte, slow_link, fast_link| {
            let first_byte = Some(first_byte);
            udp_is_faster_than_tcp(Some(Race { first_byte, slow_link, fast_link })).verdict
        };
        assert_eq!(judge(true, true, true), Verdict::Confirmed);
        assert_eq!(judge(true, false, false), Verdict::Partly);
        assert_eq!(judge(true, false, true), Verdict::Partly);
        assert_eq!(judge(false, false, false), Verdict::Refuted);
        assert_eq!(udp_is_faster_than_tcp(None).verdict, Verdict::Skipped);
        let lost = Race { first_byte: None, slow_link: false, fast_link: false };
        assert_eq!(udp_is_faster_than_tcp(Some(lost)).verdict, Verdict::Partly);
        let race = Race { first_byte: Some(false), slow_link: true, fast_link: true };
        let told = udp_is_faster_than_tcp(Some(race)).instead;
        assert!(told.starts_with("its first answer came no sooner. All bytes were"), "{told}");
    }
}
