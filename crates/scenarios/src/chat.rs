//! How do people talk at the same time, straight and through a relay?

mod relay;
mod slow_link;
mod udp;

use crate::claims::receiving_while_typing_needs_processes;
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "chat",
    question: "how do people talk at the same time, straight and through a relay?",
    explain: &[
        "A read of a terminal or a socket waits until there is something: a program that waits for \
         the keyboard alone does not hear the network.",
        "It can wait for both at once: poll(2) and epoll(7) wait for any of many descriptors. A \
         thread for each does it too, and so does an asynchronous runtime, which is epoll \
         underneath.",
        "Another process is one more way, and the only one in which the two halves share no \
         memory.",
        "Over UDP nothing is sent again and nothing is put in order: a lost line is lost, unless \
         the programs number their lines and say so.",
        "Through a relay the order of a room is the relay's: it numbers each message as it comes \
         in, and every member gets the same messages in the same order.",
        "Without such a place two people who type at the same time see two different orders, and \
         neither is wrong.",
        "Watch: ls /proc/PID/task shows the threads of a program, pgrep -P PID its children.",
        "poll(2): https://man7.org/linux/man-pages/man2/poll.2.html; epoll(7): \
         https://man7.org/linux/man-pages/man7/epoll.7.html",
        "udp(7): https://man7.org/linux/man-pages/man7/udp.7.html; RFC 8085, what an application \
         over UDP must do itself: https://www.rfc-editor.org/rfc/rfc8085",
        "kernel: do_sys_poll in fs/select.c, ep_poll in fs/eventpoll.c",
    ],
    seconds: 7,
    programs: &["relay", "tcp-client", "udp-peer"],
    play,
};

/// Plays the stories.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, over_udp) = stage.tell("udp", udp::play)?;
    show(story);
    let (story, through_relay) = stage.tell("relay", relay::play)?;
    show(story);
    show(stage.tell("slow-link", slow_link::play)?.0);
    let seen: Vec<_> = over_udp.flatten().into_iter().chain(through_relay).collect();
    Ok(vec![receiving_while_typing_needs_processes(&seen)])
}

/// What `history` found.
fn in_words(violations: &[impl ToString]) -> String {
    if violations.is_empty() {
        return "none".to_owned();
    }
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
