//! What works without `bind`, without `listen`, without `accept`, and where do ports come from?
//!
//! A connection is two addresses and two ports. `bind` chooses one's own half of that; left out, the
//! kernel chooses. `listen` lets strangers begin, `accept` hands over what has begun and is complete.

mod both_open;
mod exhausted;
mod no_accept;
mod no_bind;
mod no_listen;
mod oneself;
mod step;
mod steps;

use std::thread::{self, ScopedJoinHandle};

use crate::claims::{StepsLeftOut, connection_needs_listen_and_accept};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "ports",
    question: "what works without bind, listen or accept, and where do ports come from?",
    explain: &[
        "A TCP connection is known by four numbers: two addresses and two ports. Nothing else tells \
         it from another.",
        "bind(2) fixes one's own address and port. Left out, or with port 0, the kernel takes a free \
         port of net.ipv4.ip_local_port_range: at listen, at connect, or at the first datagram.",
        "listen(2) makes a socket take SYNs of anybody. Without it a SYN meets no socket, and the \
         kernel answers with a RST: ECONNREFUSED.",
        "accept(2) takes a connection that is complete. The kernel completes it without the program, \
         so connect and send succeed at the other end before accept is ever called.",
        "A connection can also come about without any listener: two sockets that connect to each \
         other at the same time (simultaneous open), or one that connects to itself.",
        "UDP has no connection: an address is all, and a sender's port is chosen at its first send. \
         Only who wants to be found must bind.",
        "Ports run out per destination: the same port serves many connections, as long as the other \
         half differs.",
        "Watch: ss -tan shows states and both halves; errno(1) names the errors.",
        "ip(7), implicit bind and ip_local_port_range: https://man7.org/linux/man-pages/man7/ip.7.html; \
         listen(2): https://man7.org/linux/man-pages/man2/listen.2.html",
        "RFC 9293, 3.5, figure 7, simultaneous open: https://www.rfc-editor.org/rfc/rfc9293#section-3.5; \
         RFC 6056, ephemeral ports: https://www.rfc-editor.org/rfc/rfc6056",
        "kernel: inet_autobind in net/ipv4/af_inet.c, __inet_hash_connect in \
         net/ipv4/inet_hashtables.c, tcp_rcv_synsent_state_process in net/ipv4/tcp_input.c",
    ],
    seconds: 3,
    programs: &["tcp-server", "tcp-client", "udp-peer"],
    play,
};

/// Plays the stories side by side, each in a lab of its own: they wait more than they work.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    thread::scope(|scope| {
        let no_bind = scope.spawn(|| stage.tell("no-bind", no_bind::play));
        let no_listen = scope.spawn(|| stage.tell("no-listen", no_listen::play));
        let no_accept = scope.spawn(|| stage.tell("no-accept", no_accept::play));
        let both_open = scope.spawn(|| stage.tell("both-open", both_open::play));
        let oneself = scope.spawn(|| stage.tell("oneself", oneself::play));
        let steps = scope.spawn(|| stage.tell("steps", steps::play));
        let exhausted = scope.spawn(|| stage.tell("exhausted", exhausted::play));

        let (story, datagram_arrives) = ended(no_bind)?;
        show(story);
        let (story, refused_without_listen) = ended(no_listen)?;
        show(story);
        let (story, stands_without_accept) = ended(no_accept)?;
        show(story);
        let (story, stands_without_both) = ended(both_open)?;
        show(story);
        show(ended(oneself)?.0);
        show(ended(steps)?.0);
        show(ended(exhausted)?.0);
        Ok(vec![connection_needs_listen_and_accept(StepsLeftOut {
            refused_without_listen,
            stands_without_accept,
            stands_without_both: stands_without_both.flatten(),
            datagram_arrives,
        })])
    })
}

fn ended<T>(story: ScopedJoinHandle<'_, Result<T, Trouble>>) -> Result<T, Trouble> {
    story.join().expect("a story does not panic")
}
