//! Claim e: where an address is "already in use".

use super::{Part, System, claim};
use crate::findings::Claim;

/// A server that was started again at once, for claim e.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// Where.
    pub system: System,
    /// The check that measured it.
    pub check: &'static str,
    /// Whether its address was in use; `None` where it could not be measured.
    pub in_use: Option<bool>,
}

/// Claim e: a server that is started again meets "address already in use" on macOS, and elsewhere not.
///
/// It compares macOS with the others, so it is confirmed only where both were seen.
pub fn address_in_use_is_of_macos(seen: &[Restart]) -> Claim {
    let mut parts: Vec<Part> = seen
        .iter()
        .map(|restart| {
            let expected = restart.system == System::MacOs;
            Part { check: restart.check, holds: restart.in_use.map(|in_use| in_use == expected) }
        })
        .collect();
    for (is_macos, check) in [(true, "macos"), (false, "others")] {
        if seen.iter().all(|restart| (restart.system == System::MacOs) != is_macos) {
            parts.push(Part::unseen(check));
        }
    }
    let mut claim = claim(
        "e",
        "\"address already in use\" is mainly a macOS matter",
        &parts,
        "who closed first decides, on every system: the connection that the server closed stays on its port \
         in TIME_WAIT. Linux is the stricter one, it wants SO_REUSEADDR on the old socket as well as on the \
         new one; that many libraries set it by themselves is why one rarely sees the error.",
    );
    // Systems that were not seen have no check to point to.
    claim.because = seen.iter().map(|restart| restart.check.to_owned()).collect();
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_e_is_confirmed_where_macos_alone_has_the_error() {
        let on = |system, in_use| Restart { system, check: "restart", in_use: Some(in_use) };
        let judge = |seen: &[Restart]| address_in_use_is_of_macos(seen).verdict;
        let (linux, mac, windows) = (System::Linux, System::MacOs, System::Windows);
        assert_eq!(
            judge(&[on(mac, true), on(linux, false), on(windows, false)]),
            Verdict::Confirmed
        );
        assert_eq!(judge(&[on(mac, true), on(linux, true)]), Verdict::Partly);
        assert_eq!(judge(&[on(mac, false), on(linux, true)]), Verdict::Refuted);
        // Whatever Linux does, of macOS nothing is known then.
        assert_eq!(judge(&[on(linux, true)]), Verdict::Partly);
        assert_eq!(judge(&[on(linux, false)]), Verdict::Partly);
        let unseen = Restart { system: linux, check: "restart", in_use: None };
        assert_eq!(judge(&[unseen]), Verdict::Skipped);
    }
}
