//! What people say, and how a run judges it.
//!
//! A claim is cut into parts, each of which one check measures. Its verdict follows from how many of
//! them hold, and from nothing else: the same function would confirm the claim on a kernel that behaves
//! as it says.

mod backlog;
mod chat;
mod close;
mod datagram;
mod disconnect;
mod feedback;
mod flood;
mod handshake;
mod ports;
mod reuse;
mod silence;
mod stream;

use crate::findings::{Claim, Verdict};

pub use backlog::*;
pub use chat::*;
pub use close::*;
pub use datagram::*;
pub use disconnect::*;
pub use feedback::*;
pub use flood::*;
pub use handshake::*;
pub use ports::*;
pub use reuse::*;
pub use silence::*;
pub use stream::*;

/// One thing that a claim says, and whether it was so.
#[derive(Clone, Debug)]
pub struct Part {
    /// The check that measured it.
    pub check: &'static str,
    /// Whether it was as the claim says; `None` where it could not be seen.
    pub holds: Option<bool>,
}

impl Part {
    /// A part that a check measured.
    pub fn seen(check: &'static str, holds: bool) -> Self {
        Self { check, holds: Some(holds) }
    }

    /// A part that could not be measured.
    pub fn unseen(check: &'static str) -> Self {
        Self { check, holds: None }
    }
}

/// The verdict that the parts of a claim make.
///
/// | parts seen | parts not seen | verdict |
/// |---|---|---|
/// | all hold | none | confirmed |
/// | none holds | none | refuted |
/// | some hold | none | partly |
/// | any | some | partly |
/// | there are none | any | skipped |
pub fn verdict(parts: &[Part]) -> Verdict {
    let holds = parts.iter().filter(|part| part.holds == Some(true)).count();
    let fails = parts.iter().filter(|part| part.holds == Some(false)).count();
    if holds + fails == 0 {
        Verdict::Skipped
    } else if holds == parts.len() {
        Verdict::Confirmed
    } else if fails == parts.len() {
        Verdict::Refuted
    } else {
        Verdict::Partly
    }
}

fn claim(id: &str, says: &str, parts: &[Part], instead: &str) -> Claim {
    Claim {
        id: id.to_owned(),
        says: says.to_owned(),
        verdict: verdict(parts),
        because: parts.iter().map(|part| part.check.to_owned()).collect(),
        instead: instead.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_follows_from_the_parts_alone() {
        let yes = || Part::seen("x", true);
        let no = || Part::seen("x", false);
        let unseen = || Part::unseen("x");
        for (parts, expected) in [
            (vec![yes(), yes()], Verdict::Confirmed),
            (vec![yes(), unseen()], Verdict::Partly),
            (vec![yes(), no()], Verdict::Partly),
            (vec![no(), no()], Verdict::Refuted),
            (vec![no(), unseen()], Verdict::Partly),
            (vec![unseen()], Verdict::Skipped),
            (vec![], Verdict::Skipped),
        ] {
            assert_eq!(verdict(&parts), expected, "{parts:?}");
        }
    }
}
