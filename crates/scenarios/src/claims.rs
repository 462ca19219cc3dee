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
mod files;
mod flood;
mod handshake;
mod ports;
mod reuse;
mod silence;
mod stream;

use crate::findings::{Check, Claim, Outcome, Verdict};

pub use backlog::*;
pub use chat::*;
pub use close::*;
pub use datagram::*;
pub use disconnect::*;
pub use feedback::*;
pub use files::*;
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
    /// What is so, in sentences; empty where nothing was seen.
    pub so: String,
}

impl Part {
    /// A part that a check measured, or could not.
    pub fn new(check: &'static str, holds: Option<bool>) -> Self {
        Self { check, holds, so: String::new() }
    }

    /// A part that a check measured.
    pub fn seen(check: &'static str, holds: bool) -> Self {
        Self::new(check, Some(holds))
    }

    /// A part that could not be measured.
    pub fn unseen(check: &'static str) -> Self {
        Self::new(check, None)
    }

    /// Says what is so where it holds, and where it does not.
    fn telling(self, where_it_holds: &str, where_not: &str) -> Self {
        let so = match self.holds {
            Some(true) => where_it_holds,
            Some(false) => where_not,
            None => "",
        };
        Self { so: so.to_owned(), ..self }
    }
}

/// What a check of a run measured; `None` where it was skipped, or where there is none of that name.
pub(crate) fn measured<'a>(checks: &'a [Check], id: &str) -> Option<&'a str> {
    let check = checks.iter().find(|check| check.id == id)?;
    (!matches!(check.outcome, Outcome::Skipped(_))).then_some(&*check.measured)
}

/// The same, of a check that counts.
fn counted(checks: &[Check], id: &str) -> Option<usize> {
    measured(checks, id)?.parse().ok()
}

/// A part of a claim that follows from what its check measured.
fn part(checks: &[Check], id: &'static str, holds: impl FnOnce(&str) -> bool) -> Part {
    Part::new(id, measured(checks, id).map(holds))
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

/// A claim with its verdict, and with what its parts tell: each says what was seen of it, once.
fn claim(id: &str, says: &str, parts: &[Part]) -> Claim {
    let mut told: Vec<&str> = Vec::new();
    for part in parts.iter().filter(|part| !part.so.is_empty()) {
        if !told.contains(&&*part.so) {
            told.push(&part.so);
        }
    }
    claim_told(id, says, parts, &told.join(" "))
}

/// A claim with its verdict. Only checks that could be seen are its reason; where none could, the reason
/// is that they were skipped, and nothing is said of what is so instead.
fn claim_told(id: &str, says: &str, parts: &[Part], instead: &str) -> Claim {
    let verdict = verdict(parts);
    let none_seen = verdict == Verdict::Skipped;
    let named = parts.iter().filter(|part| none_seen || part.holds.is_some());
    Claim {
        id: id.to_owned(),
        says: says.to_owned(),
        verdict,
        because: named.map(|part| part.check.to_owned()).collect(),
        instead: if none_seen { NONE_SEEN } else { instead }.to_owned(),
    }
}

/// What stands in place of what is so instead.
const NONE_SEEN: &str = "nothing of it was seen in this run.";

/// Checks that measured these values, for tests of claims.
#[cfg(test)]
fn checks(measured: &[(&str, &str)]) -> Vec<Check> {
    let check = |(id, measured): &(&str, &str)| {
        Check::new(id, "what a test needs", String::new(), (*measured).to_owned(), true)
    };
    measured.iter().map(check).collect()
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

    #[test]
    fn only_what_was_seen_is_a_reason() {
        let because = |parts: &[Part]| {
            let Claim { because, instead, .. } = claim_told("x", "y", parts, "z");
            (because.join(" "), instead)
        };
        let (seen, unseen) = (Part::seen("seen", false), Part::unseen("unseen"));
        assert_eq!(because(&[seen, unseen.clone()]), ("seen".to_owned(), "z".to_owned()));
        assert_eq!(because(&[unseen]), ("unseen".to_owned(), NONE_SEEN.to_owned()));
    }

    /// What stands below a verdict is never of something that was not seen, or seen otherwise.
    #[test]
    fn what_is_so_is_told_by_the_parts_that_were_seen() {
        let part = |holds| Part::new("x", holds).telling("It holds.", "It does not.");
        let told = |parts: &[Part]| claim("x", "y", parts).instead;
        let (yes, no, unseen) = (part(Some(true)), part(Some(false)), part(None));
        assert_eq!(told(&[yes.clone(), unseen.clone()]), "It holds.");
        assert_eq!(told(&[yes.clone(), no, yes]), "It holds. It does not.");
        assert_eq!(told(&[unseen]), NONE_SEEN);
    }

    #[test]
    fn a_part_is_what_its_check_measured() {
        let mut run = checks(&[("six", "6")]);
        run.push(Check::skipped("skipped", "not seen", "no wire"));
        let holds = |id| part(&run, id, |measured| measured == "6").holds;
        assert_eq!((holds("six"), holds("skipped"), holds("missing")), (Some(true), None, None));
        assert_eq!(counted(&run, "six"), Some(6));
    }
}
