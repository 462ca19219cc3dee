//! Claims d and q: what an abrupt disconnect looks like, and who closes.

use std::fmt;

use super::{Part, claim_told, measured, part};
use crate::findings::{Check, Claim};

/// An operating system, as claims speak of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Linux => "Linux",
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
        })
    }
}

/// The abrupt ways to go: the checks of how the server's program saw it and of what the wire carried,
/// and how it is called.
const WAYS: [(&str, &str, &str); 4] = [
    ("killed-ending", "killed-wire", "killed with everything read"),
    ("killed-unread-ending", "killed-unread-wire", "killed with an answer unread"),
    ("reset-ending", "reset-wire", "closed with SO_LINGER set to zero"),
    ("cut-ending", "cut-wire", "killed behind a cut cable"),
];

/// Claim d: what an abrupt disconnect looks like depends on the operating system.
///
/// It speaks of three systems; those of which nothing was seen count as parts that could not be
/// measured, so one system alone neither confirms nor refutes it.
pub fn disconnect_looks_by_system(runs: &[(System, &[Check])]) -> Claim {
    let mut parts: Vec<Part> = Vec::new();
    for (system, checks) in runs {
        let as_claimed = |ending: &str| match system {
            System::Linux | System::MacOs => ending == "PeerFin",
            // Whatever else the program is told is an exception, but for nothing at all.
            System::Windows => !matches!(ending, "PeerFin" | "nothing"),
        };
        parts.extend(WAYS.iter().map(|(ending, ..)| part(checks, ending, as_claimed)));
    }
    for (system, name) in
        [(System::Linux, "linux"), (System::MacOs, "macos"), (System::Windows, "windows")]
    {
        if runs.iter().all(|(seen, _)| *seen != system) {
            parts.push(Part::unseen(name));
        }
    }
    let mut seen = Vec::new();
    for (_, checks) in runs {
        seen.extend(WAYS.iter().filter_map(|way| Seen::of(checks, way)));
    }
    let mut claim = claim_told(
        "d",
        "on an abrupt disconnect Linux and macOS deliver an empty message, Windows an exception",
        &parts,
        &what_counts(&seen),
    );
    // Systems that were not seen have no check to point to.
    claim.because.retain(|check| WAYS.iter().any(|(ending, ..)| ending == check));
    claim
}

/// An abrupt end as it was seen.
struct Seen<'a> {
    how: &'a str,
    /// What the server's program got, in words.
    got: &'static str,
    /// What ended the connection on the wire, where there was one to see.
    wire: Option<&'a str>,
}

impl<'a> Seen<'a> {
    fn of(checks: &'a [Check], (ending, wire, how): &(&str, &str, &'static str)) -> Option<Self> {
        let got = match measured(checks, ending)? {
            "PeerFin" => "an empty read",
            "nothing" => "nothing at all",
            _ => "an error",
        };
        Some(Self { how, got, wire: measured(checks, wire) })
    }
}

/// What decided what the server's program got, as far as it was seen.
fn what_counts(seen: &[Seen<'_>]) -> String {
    let differ = seen.iter().any(|one| one.got != seen[0].got);
    // The same on the wire was the same to the reader, each time.
    let follows = seen.iter().all(|one| {
        let same = seen.iter().filter(|other| other.wire == one.wire);
        one.wire.is_some() && same.clone().all(|other| other.got == one.got)
    });
    let lead = match (differ, follows) {
        (true, true) => {
            "what counts is what the dying side puts on the wire, not who reads it. On this one system: "
        }
        (true, false) => "it was not one thing on this one system: ",
        (false, _) => "on this one system: ",
    };
    let each = seen.iter().map(|Seen { how, got, wire }| match wire {
        Some(wire) => format!("{how}, {wire} on the wire and {got}"),
        None => format!("{how}, {got}"),
    });
    format!("{lead}{}.", each.collect::<Vec<_>>().join("; "))
}

/// Claim q: nobody needs to close.
pub fn socket_closes_by_itself(checks: &[Check]) -> Claim {
    let parts = [
        part(checks, "forgotten-state", |state| state != "CLOSE-WAIT"),
        part(checks, "exited-client", |ending| ending == "PeerFin"),
    ];
    let [while_alive, at_exit] = [0, 1].map(|at: usize| parts[at].holds);
    let mut instead = String::new();
    match at_exit {
        Some(true) => instead += "when the process ends its kernel closes for it",
        Some(false) => instead += "not even the end of the process closes it",
        None => {}
    }
    if while_alive == Some(false) {
        let join = if at_exit == Some(true) { ", and not before: " } else { "; " };
        instead += if at_exit.is_some() { join } else { "" };
        instead += "in a program that lives on, a forgotten socket stays in CLOSE-WAIT";
        if measured(checks, "forgotten-timer") == Some("0") {
            instead += ", without a timer that would end it";
        }
        if measured(checks, "forgotten-peer") == Some("0") {
            instead += ", also when the peer has long gone";
        }
    }
    instead += ".";
    claim_told("q", "close() may be left out, the socket closes by itself", &parts, &instead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::checks;
    use crate::findings::Verdict;

    #[test]
    fn claim_q_is_confirmed_where_a_socket_closes_in_a_program_that_lives() {
        let judge = |state, client| {
            let run = checks(&[("forgotten-state", state), ("exited-client", client)]);
            socket_closes_by_itself(&run).verdict
        };
        assert_eq!(judge("gone", "PeerFin"), Verdict::Confirmed);
        assert_eq!(judge("CLOSE-WAIT", "PeerFin"), Verdict::Partly);
        assert_eq!(judge("CLOSE-WAIT", "not told"), Verdict::Refuted);
        assert_eq!(socket_closes_by_itself(&[]).verdict, Verdict::Skipped);
    }

    #[test]
    fn claim_q_says_of_the_peer_only_what_was_seen() {
        let run = checks(&[("forgotten-state", "CLOSE-WAIT"), ("exited-client", "PeerFin")]);
        let Claim { instead, .. } = socket_closes_by_itself(&run);
        assert!(instead.ends_with("a forgotten socket stays in CLOSE-WAIT."), "{instead}");
    }

    /// A run in which each of the ways ended like this.
    fn every(ending: &str) -> Vec<Check> {
        checks(&WAYS.map(|(check, ..)| (check, ending)))
    }

    #[test]
    fn claim_d_is_confirmed_only_where_every_system_was_seen_to_do_so() {
        let (fin, rst, silence) = (every("PeerFin"), every("PeerReset"), every("nothing"));
        let judge = |linux: &[Check], mac: &[Check], windows: &[Check]| {
            let runs = [(System::Linux, linux), (System::MacOs, mac), (System::Windows, windows)];
            disconnect_looks_by_system(&runs).verdict
        };
        assert_eq!(judge(&fin, &fin, &rst), Verdict::Confirmed);
        assert_eq!(judge(&fin, &fin, &fin), Verdict::Partly);
        assert_eq!(judge(&rst, &rst, &silence), Verdict::Refuted);
        let alone =
            |checks: &[Check]| disconnect_looks_by_system(&[(System::Linux, checks)]).verdict;
        assert_eq!(alone(&fin), Verdict::Partly);
        assert_eq!(alone(&rst), Verdict::Partly);
        assert_eq!(disconnect_looks_by_system(&[]).verdict, Verdict::Skipped);
    }

    #[test]
    fn claim_d_names_what_was_seen_and_nothing_else() {
        let claim =
            |run: &[(&str, &str)]| disconnect_looks_by_system(&[(System::Linux, &checks(run))]);
        let seen = [("killed-ending", "PeerFin"), ("reset-ending", "PeerReset")];
        let Claim { because, instead, .. } = claim(&seen);
        assert_eq!(because, ["killed-ending", "reset-ending"]);
        assert_eq!(
            instead,
            "it was not one thing on this one system: killed with everything read, an empty read; closed \
             with SO_LINGER set to zero, an error."
        );
        let wires = [("killed-wire", "FIN"), ("reset-wire", "RST")];
        let Claim { instead, .. } = claim(&[seen, wires].concat());
        assert!(instead.starts_with("what counts is what the dying side puts on"), "{instead}");
        assert!(instead.contains("everything read, FIN on the wire and an empty"), "{instead}");
    }
}
