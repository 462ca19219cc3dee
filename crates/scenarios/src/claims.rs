//! What people say, and how a run judges it.
//!
//! A claim is cut into parts, each of which one check measures. Its verdict follows from how many of
//! them hold, and from nothing else: the same function would confirm the claim on a kernel that behaves
//! as it says.

use crate::findings::{Claim, Verdict};

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

fn claim(id: &'static str, says: &str, parts: &[Part], instead: &str) -> Claim {
    Claim {
        id,
        says: says.to_owned(),
        verdict: verdict(parts),
        because: parts.iter().map(|part| part.check.to_owned()).collect(),
        instead: instead.to_owned(),
    }
}

/// What eight clients of a server with `listen(5)` met, for claim a.
#[derive(Clone, Copy, Debug)]
pub struct Overflow {
    /// Clients whose connection waited in the accept queue.
    pub waiting: usize,
    /// Clients that found neither service nor a place in the queue.
    pub turned_away: usize,
    /// Those of them that were told so by a reset.
    pub refused: usize,
}

/// Claim a: the backlog is the number of those who wait, and the rest are refused.
pub fn backlog_holds_five_and_refuses_the_rest(seen: Option<Overflow>) -> Claim {
    let parts = match seen {
        Some(seen) => [
            Part::seen("queue-holds", seen.waiting == 5),
            Part::seen("no-refusal", seen.turned_away > 0 && seen.refused == seen.turned_away),
        ],
        None => [Part::unseen("queue-holds"), Part::unseen("no-refusal")],
    };
    claim(
        "a",
        "with listen(5) one client is served, five wait, the others are refused",
        &parts,
        "six wait: the queue takes a connection while its length is not above the backlog. \
         Nobody is refused: the SYN of one too many is dropped without a word, and its system tries again.",
    )
}

/// What `listen()` was seen to size, for claim f.
#[derive(Clone, Copy, Debug)]
pub struct ListenSizes {
    /// Whether what waits in the queue of `listen()` is half-open.
    pub queue_is_half_open: Option<bool>,
    /// Whether the number given to `listen()` bounds the half-open connections.
    pub bounds_half_open: Option<bool>,
}

/// The part of claim f that a full queue shows: what it is that `listen()` sizes.
pub fn listen_sizes_the_half_open_pool(seen: ListenSizes) -> Claim {
    let part = |check, holds| Part { check, holds };
    claim(
        "f",
        "the half-open pool is what listen() sizes (the part of the claim that needs no flood)",
        &[
            part("half-open-waiting", seen.queue_is_half_open),
            part("half-open-limit", seen.bounds_half_open),
        ],
        "listen() sizes the accept queue, where complete connections wait (listen(2), since Linux 2.2). \
         Kernels of today use the same number as the limit of half-open ones, but as a limit to be \
         defended, not as the defence.",
    )
}

/// What became of silence and of empty messages, for claim g.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// Whether two sides that both receive went on waiting.
    pub both_wait: Option<bool>,
    /// Whether an empty send over a stream was received.
    pub stream_receives: Option<bool>,
    /// Whether an empty datagram was received.
    pub datagram_arrives: Option<bool>,
}

/// Claim g: two receivers wait for ever, and nothing cannot be received.
pub fn silence_waits_and_empty_is_never_received(seen: Silence) -> Claim {
    let part = |check, holds| Part { check, holds };
    claim(
        "g",
        "two sides that both receive wait for ever; an empty message is never received",
        &[
            part("both-wait", seen.both_wait),
            part("empty-stream", seen.stream_receives.map(|received| !received)),
            part("datagram-arrives", seen.datagram_arrives.map(|arrived| !arrived)),
        ],
        "so it is with TCP, which has no timer for silence and no empty messages. An empty datagram is sent \
         and received like any other.",
    )
}

/// A program in which somebody types and is talked to, for claim h.
#[derive(Clone, Copy, Debug)]
pub struct Typing {
    /// The processes that it is made of.
    pub processes: usize,
    /// What it received between two lines that were typed.
    pub heard_while_typing: usize,
}

/// Claim h: who types cannot receive in the same process.
pub fn receiving_while_typing_needs_processes(seen: Option<Typing>) -> Claim {
    let one_does = |typing: Typing| typing.processes == 1 && typing.heard_while_typing > 0;
    claim(
        "h",
        "receiving while typing needs several processes",
        &[Part { check: "while-typing", holds: seen.map(|typing| !one_does(typing)) }],
        "one process waits for both at once, with poll, epoll, threads or an asynchronous runtime.",
    )
}

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
    fn claim_a_is_confirmed_where_five_wait_and_the_rest_are_refused() {
        let judge = |waiting, turned_away, refused| {
            let seen = Overflow { waiting, turned_away, refused };
            backlog_holds_five_and_refuses_the_rest(Some(seen)).verdict
        };
        assert_eq!(judge(5, 2, 2), Verdict::Confirmed);
        assert_eq!(judge(6, 1, 1), Verdict::Partly);
        assert_eq!(judge(5, 2, 0), Verdict::Partly);
        assert_eq!(judge(6, 1, 0), Verdict::Refuted);
        assert_eq!(backlog_holds_five_and_refuses_the_rest(None).verdict, Verdict::Skipped);
    }

    #[test]
    fn claim_f_is_confirmed_where_half_open_ones_fill_the_queue() {
        let judge = |queue_is_half_open, bounds_half_open| {
            let seen = ListenSizes { queue_is_half_open, bounds_half_open };
            listen_sizes_the_half_open_pool(seen).verdict
        };
        assert_eq!(judge(Some(true), Some(true)), Verdict::Confirmed);
        assert_eq!(judge(Some(false), Some(true)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(false)), Verdict::Refuted);
        assert_eq!(judge(Some(false), None), Verdict::Partly);
        assert_eq!(judge(None, None), Verdict::Skipped);
    }

    #[test]
    fn claim_g_is_confirmed_where_an_empty_datagram_is_lost_too() {
        let judge = |both_wait, stream_receives, datagram_arrives| {
            let seen = Silence { both_wait, stream_receives, datagram_arrives };
            silence_waits_and_empty_is_never_received(seen).verdict
        };
        assert_eq!(judge(Some(true), Some(false), Some(false)), Verdict::Confirmed);
        assert_eq!(judge(Some(true), Some(false), Some(true)), Verdict::Partly);
        assert_eq!(judge(Some(false), Some(true), Some(true)), Verdict::Refuted);
        assert_eq!(judge(None, None, None), Verdict::Skipped);
    }

    #[test]
    fn claim_h_is_confirmed_where_one_process_is_deaf_while_somebody_types() {
        let judge = |processes, heard_while_typing| {
            let seen = Typing { processes, heard_while_typing };
            receiving_while_typing_needs_processes(Some(seen)).verdict
        };
        assert_eq!(judge(1, 0), Verdict::Confirmed);
        assert_eq!(judge(2, 5), Verdict::Confirmed);
        assert_eq!(judge(1, 5), Verdict::Refuted);
        assert_eq!(receiving_while_typing_needs_processes(None).verdict, Verdict::Skipped);
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
