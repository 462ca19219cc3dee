//! What happens when nobody says anything, and when somebody says nothing?
//!
//! Two sides that both wait for the other wait for ever: TCP has no timer for a connection on which
//! nothing is under way. To send an empty message does not help, because in a stream of bytes there is
//! no such thing. In datagrams there is.

mod both_receive;
mod empty_datagram;
mod empty_input;
mod empty_send;

use crate::claims::{Silence, silence_waits_and_empty_is_never_received};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "silence",
    question: "what happens when nobody says anything, and when somebody says nothing?",
    explain: &[
        "TCP sends when there is something to send: data, an acknowledgement of data, a close. On \
         a connection without any of them nothing is sent.",
        "Its timers belong to what is under way: unacknowledged data, a window of zero, a close. A \
         quiet connection has none, so it stands until a program or keepalive ends it.",
        "Two programs that both read first therefore wait for ever; the protocol between them must \
         say who speaks first, and how long one waits.",
        "A TCP stream carries bytes, not messages. A send of no bytes adds nothing to it, so no \
         packet leaves and nobody is woken.",
        "A read that gives zero bytes is the end of the stream: the other side's FIN.",
        "A UDP datagram is a message of its own and may be empty: eight bytes of header leave, and \
         the receiver's call gives zero bytes, which is no end.",
        "Watch: ss -tno shows a connection's timer, and none here.",
        "send(2), recv(2): https://man7.org/linux/man-pages/man2/recv.2.html; udp(7): \
         https://man7.org/linux/man-pages/man7/udp.7.html",
        "RFC 9293, 3.8, data communication: https://www.rfc-editor.org/rfc/rfc9293#section-3.8; \
         RFC 768, a datagram's length: https://www.rfc-editor.org/rfc/rfc768",
        "kernel: tcp_sendmsg_locked in net/ipv4/tcp.c, udp_sendmsg in net/ipv4/udp.c",
    ],
    seconds: 3,
    programs: &["tcp-server", "tcp-client", "udp-peer"],
    play,
};

/// Plays the four stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, both_wait) = stage.tell("both-receive", both_receive::play)?;
    show(story);
    let (story, stream_receives) = stage.tell("empty-send", empty_send::play)?;
    show(story);
    show(stage.tell("empty-input", empty_input::play)?.0);
    let (story, datagram_arrives) = stage.tell("empty-datagram", empty_datagram::play)?;
    show(story);
    Ok(vec![silence_waits_and_empty_is_never_received(Silence {
        both_wait,
        stream_receives,
        datagram_arrives,
    })])
}
