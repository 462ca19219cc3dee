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
    /// Whether it said SO_REUSEADDR, which the one before had not.
    pub with_the_option: bool,
    /// Whether its address was in use; `None` where it could not be measured.
    pub in_use: Option<bool>,
}

impl Restart {
    fn in_words(&self) -> String {
        let system = self.system;
        match (self.with_the_option, self.in_use) {
            (false, Some(true)) => format!(
                "a server that is started again at once meets it on {system}: the connection that the old one \
                 closed first stays on its port in TIME_WAIT."
            ),
            (false, Some(false)) => {
                format!("a server that was started again at once did not meet it on {system}.")
            }
            (true, Some(true)) => format!(
                "SO_REUSEADDR on the new socket alone is no cure on {system}: the old one must have said it, too. \
                 That many libraries say it by themselves is why one rarely sees the error."
            ),
            (true, Some(false)) => {
                format!("SO_REUSEADDR on the new socket alone was enough on {system}.")
            }
            (_, None) => String::new(),
        }
    }
}

/// Claim e: a server that is started again meets "address already in use" on macOS, and elsewhere not.
///
/// It compares macOS with the others, so it is confirmed only where both were seen.
pub fn address_in_use_is_of_macos(seen: &[Restart]) -> Claim {
    let mut parts: Vec<Part> = seen
        .iter()
        .map(|restart| {
            let expected = restart.system == System::MacOs;
            let holds = restart.in_use.map(|in_use| in_use == expected);
            Part { so: restart.in_words(), ..Part::new(restart.check, holds) }
        })
        .collect();
    for (is_macos, check) in [(true, "macos"), (false, "others")] {
        if seen.iter().all(|restart| (restart.system == System::MacOs) != is_macos) {
            parts.push(Part::unseen(check));
        }
    }
    let mut claim = claim("e", "\"address already in use\" is mainly a macOS matter", &parts);
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
        let on = |system, in_use| Restart {
            system,
            check: "restart",
            with_the_option: false,
            in_use: Some(in_use),
        };
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
        let unseen = Restart { in_use: None, ..on(linux, true) };
        assert_eq!(judge(&[unseen]), Verdict::Skipped);
        let late = Restart { with_the_option: true, ..on(linux, false) };
        let told = address_in_use_is_of_macos(&[on(mac, true), late]).instead;
        assert!(told.contains("meets it on macOS") && told.ends_with("enough on Linux."), "{told}");
    }
}
