//! Claims d and q: what an abrupt disconnect looks like, and who closes.

use super::{Part, claim};
use crate::findings::Claim;

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

/// What a program that reads sees of a peer that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The end of the stream: a read of zero bytes.
    EmptyRead,
    /// An error: the connection was reset.
    Error,
    /// Nothing at all.
    Nothing,
}

/// An abrupt disconnect that was seen, for claim d.
#[derive(Clone, Copy, Debug)]
pub struct Disconnect {
    /// Where.
    pub system: System,
    /// The check that measured it.
    pub check: &'static str,
    /// What the other side's program saw; `None` where it could not be measured.
    pub seen: Option<Reader>,
}

/// Claim d: what an abrupt disconnect looks like depends on the operating system.
///
/// It speaks of three systems; those of which nothing was seen count as parts that could not be
/// measured, so one system alone neither confirms nor refutes it.
pub fn disconnect_looks_by_system(seen: &[Disconnect]) -> Claim {
    let mut parts: Vec<Part> = seen
        .iter()
        .map(|disconnect| {
            let expected = match disconnect.system {
                System::Linux | System::MacOs => Reader::EmptyRead,
                System::Windows => Reader::Error,
            };
            let holds = disconnect.seen.map(|reader| reader == expected);
            Part { check: disconnect.check, holds }
        })
        .collect();
    for (system, check) in
        [(System::Linux, "linux"), (System::MacOs, "macos"), (System::Windows, "windows")]
    {
        if seen.iter().all(|disconnect| disconnect.system != system) {
            parts.push(Part::unseen(check));
        }
    }
    let mut claim = claim(
        "d",
        "on an abrupt disconnect Linux and macOS deliver an empty message, Windows an exception",
        &parts,
        "what counts is what the dying side puts on the wire, not who reads it: a FIN is an empty read, a \
         reset is an error, and a cut cable is nothing at all. Killed with unread bytes, Linux resets too.",
    );
    // Systems that were not seen have no check to point to.
    claim.because = seen.iter().map(|disconnect| disconnect.check.to_owned()).collect();
    claim
}

/// What became of a socket that its program did not close, for claim q.
#[derive(Clone, Copy, Debug)]
pub struct Forgotten {
    /// Whether it closed while the program lived and had the descriptor.
    pub closed_while_alive: Option<bool>,
    /// Whether it closed when the process ended.
    pub closed_at_exit: Option<bool>,
}

/// Claim q: nobody needs to close.
pub fn socket_closes_by_itself(seen: Forgotten) -> Claim {
    let part = |check, holds| Part { check, holds };
    claim(
        "q",
        "close() may be left out, the socket closes by itself",
        &[
            part("forgotten-state", seen.closed_while_alive),
            part("exited-client", seen.closed_at_exit),
        ],
        "when the process ends its kernel closes for it, and not before: in a program that lives on, a \
         forgotten socket stays in CLOSE-WAIT for ever, also when the peer has long gone.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;

    #[test]
    fn claim_q_is_confirmed_where_a_socket_closes_in_a_program_that_lives() {
        let judge = |closed_while_alive, closed_at_exit| {
            socket_closes_by_itself(Forgotten { closed_while_alive, closed_at_exit }).verdict
        };
        assert_eq!(judge(Some(true), Some(true)), Verdict::Confirmed);
        assert_eq!(judge(Some(false), Some(true)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(false)), Verdict::Refuted);
        assert_eq!(judge(None, None), Verdict::Skipped);
    }

    #[test]
    fn claim_d_is_confirmed_only_where_every_system_was_seen_to_do_so() {
        let on = |system, reader| Disconnect { system, check: "kill", seen: Some(reader) };
        let linux = on(System::Linux, Reader::EmptyRead);
        let mac = on(System::MacOs, Reader::EmptyRead);
        let windows = on(System::Windows, Reader::Error);
        let reset = on(System::Linux, Reader::Error);
        let judge = |seen: &[Disconnect]| disconnect_looks_by_system(seen).verdict;
        assert_eq!(judge(&[linux, mac, windows]), Verdict::Confirmed);
        assert_eq!(judge(&[linux]), Verdict::Partly);
        assert_eq!(judge(&[linux, reset]), Verdict::Partly);
        assert_eq!(judge(&[reset]), Verdict::Partly);
        assert_eq!(
            judge(&[reset, on(System::MacOs, Reader::Error), on(System::Windows, Reader::Nothing)]),
            Verdict::Refuted
        );
        assert_eq!(judge(&[]), Verdict::Skipped);
    }
}
