//! Why does TCP begin with three segments, and what makes a connection one client's?
//!
//! Each side tells the other where its numbers begin, and must hear that this was heard: two questions,
//! two answers. One answer travels with the other side's question, so three segments do.

mod accept;
mod both_open;
mod clients;
mod no_answer;
mod old_duplicate;
mod talk;
mod third;

use std::thread;

use crate::claims::{
    Steps, accept_waits_for_a_process_of_its_own, clients_are_told_apart_by_address_and_number,
    handshake_has_four_steps_of_which_two_travel_together,
};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "handshake",
    question: "why does TCP begin with three segments, and what makes a connection one client's?",
    explain: &[
        "TCP counts bytes, and each direction counts from a number of its own that nobody can guess. Before \
         data flows both sides must know both numbers, and know that the other knows.",
        "That is four messages: my number, I heard it, my number, I heard it. The server's answer and its own \
         number travel in one segment, SYN and ACK, so three are sent (RFC 9293, 3.5).",
        "Three are also enough to find out about a request that is old or forged: who never asked answers the \
         SYN, ACK with a RST, and the server forgets it before any program has heard of it.",
        "The client is connected when it has the SYN, ACK; the server when it has the third segment. In \
         between the server keeps a half-open connection, SYN-RECV in ss, and sends its SYN, ACK again.",
        "The kernel does all of that. accept(2) only takes a connection that is complete and gives the \
         program a new descriptor for it, in the same process; one process can hold thousands.",
        "A segment belongs to the connection that has its four numbers: both addresses and both ports. Two \
         clients behind one address have different ports.",
        "Sequence numbers are looked at after that: they say where in its connection a segment belongs, and \
         whether it is credible.",
        "Refused means that a machine answered and nobody listens: a RST, at once. No answer at all looks the \
         same to a client as a slow network, so it tries again for about two minutes.",
        "Watch: ss -tan shows SYN-SENT and SYN-RECV, nstat shows TcpAttemptFails and TcpOutRsts.",
        "tcp(7): https://man7.org/linux/man-pages/man7/tcp.7.html; accept(2): \
         https://man7.org/linux/man-pages/man2/accept.2.html",
        "RFC 9293, 3.5, establishing a connection: https://www.rfc-editor.org/rfc/rfc9293#section-3.5; RFC \
         6528, initial numbers: https://www.rfc-editor.org/rfc/rfc6528",
        "kernel: tcp_conn_request and tcp_rcv_synsent_state_process in net/ipv4/tcp_input.c, tcp_check_req in \
         net/ipv4/tcp_minisocks.c, __inet_lookup_established in net/ipv4/inet_hashtables.c",
    ],
    seconds: 4,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays the stories; those that mostly wait are played beside the others.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    thread::scope(|scope| {
        let third = scope.spawn(|| stage.tell("third", third::play));
        let unanswered = scope.spawn(|| stage.tell("unanswered", no_answer::unanswered));
        let (story, together) = stage.tell("talk", talk::play)?;
        show(story);
        let (story, four_apart) = stage.tell("both-open", both_open::play)?;
        show(story);
        show(third.join().expect("a story does not panic")?.0);
        show(stage.tell("old-duplicate", old_duplicate::play)?.0);
        let (story, told_apart) = stage.tell("clients", clients::play)?;
        show(story);
        show(stage.tell("refused", no_answer::refused)?.0);
        show(unanswered.join().expect("a story does not panic")?.0);
        let (story, accepted) = stage.tell("accept", accept::play)?;
        show(story);
        Ok(vec![
            clients_are_told_apart_by_address_and_number(told_apart.unwrap_or_default()),
            handshake_has_four_steps_of_which_two_travel_together(Steps {
                together: together.flatten(),
                four_apart: four_apart.flatten(),
            }),
            accept_waits_for_a_process_of_its_own(accepted),
        ])
    })
}
