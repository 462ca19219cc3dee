//! What happens when the accept queue is full?
//!
//! `listen(fd, n)` does not say how many are served, nor how many may try. It says how long the queue
//! of complete connections may be that no `accept` has taken yet, and the kernel lets one more in.

mod half_open;
mod overflow;
mod race;
mod recover;

use crate::claims::{backlog_holds_five_and_refuses_the_rest, listen_sizes_the_half_open_pool};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "backlog",
    question: "what does listen(5) do with eight clients?",
    explain: &[
        "A listening socket has two sets of connections: half-open ones, whose SYN was answered \
         and whose last ACK is still to come, and complete ones, which wait for accept.",
        "The number in listen(fd, n) bounds the second: a new connection is let in while its \
         length is not above n, so n + 1 fit. net.core.somaxconn cuts n without a word.",
        "A client whose handshake is complete is connected, whatever the server's program does. It \
         can send, and the server's kernel acknowledges it and keeps it.",
        "A SYN that meets a full queue is dropped without an answer. The client's system takes \
         that for a loss and tries again after a second.",
        "A handshake that was under way while the queue filled loses its last ACK: the client \
         believes it is connected, and the server says SYN, ACK again.",
        "A refusal (RST, ECONNREFUSED) means that nothing listens on the port; a full queue does \
         not refuse.",
        "Watch: ss -ltn shows the length of the queue as Recv-Q and n as Send-Q; nstat shows each \
         dropped packet as ListenOverflows and ListenDrops.",
        "listen(2): https://man7.org/linux/man-pages/man2/listen.2.html",
        "RFC 9293, 3.10.7.2, LISTEN state: https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.2",
        "kernel: sk_acceptq_is_full in include/net/sock.h, tcp_conn_request in \
         net/ipv4/tcp_input.c, https://docs.kernel.org/networking/snmp_counter.html",
    ],
    seconds: 6,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays the four stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let mut checks = Vec::new();
    let mut tell = |story: Story| {
        checks.extend_from_slice(&story.checks);
        show(story);
    };
    tell(stage.tell("overflow", overflow::play)?.0);
    tell(stage.tell("recover", recover::play)?.0);
    tell(stage.tell("race", race::play)?.0);
    tell(stage.tell("half-open", half_open::play)?.0);
    Ok(vec![
        backlog_holds_five_and_refuses_the_rest(&checks),
        listen_sizes_the_half_open_pool(&checks, half_open::CLIENTS),
    ])
}
