//! How does a connection end, and what is TIME_WAIT for?
//!
//! Each direction is closed on its own, by a FIN that is acknowledged. What the kernel keeps afterwards
//! is a memory of the connection, with nothing left to send, at the side whose FIN went first.

mod both;
mod four;
mod half_close;
mod last_ack;
mod late_copy;
mod scene;
mod three;
mod time_wait;

use crate::claims::{middle_segments_never_merge, time_wait_is_the_servers_care};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "close",
    question: "how does a connection end, and what is TIME_WAIT for?",
    explain: &[
        "A TCP connection is two directions, and each is closed on its own: FIN says that nothing \
         follows, and it is acknowledged as if it were a byte.",
        "That would be four segments: FIN, ACK, FIN, ACK. The ACK of the first FIN need not go at \
         once, though: the kernel holds it back for up to 40 ms, and a FIN that is sent within \
         that time carries it.",
        "Between the two FINs the connection is half-closed. The side that has not closed may send \
         as much as it likes; the other reads on.",
        "Where both FINs cross on their way, each side acknowledges the other's: nothing can be \
         merged, and both end in TIME_WAIT.",
        "TIME_WAIT is kept by the side whose FIN went first, client or server. It has no file, no \
         program and no data: only the addresses, the numbers, and a countdown of 60 s.",
        "It is there because the last ACK may get lost: then the other side sends its FIN again, \
         and somebody must answer. And a late copy of an old segment must not be taken for one of \
         the next connection between the same ports.",
        "The countdown is a constant (TCP_TIMEWAIT_LEN). tcp_fin_timeout, which is often turned \
         for it, is about connections that wait for the other side's FIN.",
        "Watch: ss -tano state time-wait shows the countdown; nstat shows TW.",
        "tcp(7): https://man7.org/linux/man-pages/man7/tcp.7.html; shutdown(2): \
         https://man7.org/linux/man-pages/man2/shutdown.2.html",
        "RFC 9293, 3.6, closing a connection: \
         https://www.rfc-editor.org/rfc/rfc9293#section-3.6; RFC 1337, what may go wrong in \
         TIME_WAIT",
        "kernel: tcp_fin in net/ipv4/tcp_input.c, tcp_time_wait and tcp_timewait_state_process in \
         net/ipv4/tcp_minisocks.c",
    ],
    seconds: 5,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays the stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, segments) = stage.tell("three", three::play)?;
    show(story);
    show(stage.tell("four", four::play)?.0);
    show(stage.tell("both", both::play)?.0);
    show(stage.tell("half-close", half_close::play)?.0);
    let (story, time_wait) = stage.tell("time-wait", time_wait::play)?;
    show(story);
    show(stage.tell("last-ack", last_ack::play)?.0);
    show(stage.tell("late-copy", late_copy::play)?.0);
    Ok(vec![
        middle_segments_never_merge(segments.flatten()),
        time_wait_is_the_servers_care(&time_wait.unwrap_or_default()),
    ])
}
