//! What does UDP keep, what does it lose, and is it faster?
//!
//! A datagram is a message of its own. It arrives whole or not at all, and nobody says which: not when
//! the network lost it, not when it came twice, not when the receiver had no room. What UDP saves is the
//! handshake, and the waiting for others.

mod cut;
mod fragments;
mod largest;
mod lines;
mod overflow;
mod peer;
mod race;
mod road;
mod road_kept;
mod unreachable;

use std::thread::{self, ScopedJoinHandle};

use crate::claims::{recv_throws_away_over_udp, udp_is_faster_than_tcp};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "datagram",
    question: "what does UDP keep, what does it lose, and is it faster?",
    explain: &[
        "UDP adds two ports, a length and a checksum to IP, eight bytes in all. What is sent with one \
         call is one datagram, and is received with one call.",
        "There is no connection: no handshake before, no acknowledgement, no end. Who sends learns \
         nothing of what becomes of it.",
        "The network may lose a datagram, deliver it twice, or deliver a later one first. UDP hands on \
         what comes, as it comes.",
        "A receiver that gives too little memory gets the beginning; the rest is thrown away, because \
         the next call gives the next datagram.",
        "A datagram longer than the link is cut into IP fragments. One of them lost is all lost: the \
         receiver keeps the others for half a minute and gives up.",
        "What has arrived waits in the receive buffer. When that is full the kernel throws away what \
         comes next, counts it, and tells nobody.",
        "If no socket has the port, the receiver's system says so with an ICMP message. A connected \
         socket gets it as the error of its next call; an unconnected one is not told.",
        "On an empty link UDP is first by one round trip: it needs no handshake. On a full link neither \
         is faster than the link; UDP then loses what does not fit, TCP waits and sends again.",
        "What UDP leaves out a program can add: numbers, answers, and what was sent kept until it is known to \
         have arrived. That is what udp-peer --reliable does, and QUIC (RFC 9000).",
        "Watch: ss -uamn shows the drops of each socket (d), nstat -az 'Udp*' those of the host.",
        "udp(7): https://man7.org/linux/man-pages/man7/udp.7.html; ip(7), IP_RECVERR and \
         IP_MTU_DISCOVER: https://man7.org/linux/man-pages/man7/ip.7.html",
        "RFC 768: https://www.rfc-editor.org/rfc/rfc768; RFC 8085, how to use UDP without harm: \
         https://www.rfc-editor.org/rfc/rfc8085; kernel: udp_recvmsg and __udp_enqueue_schedule_skb \
         in net/ipv4/udp.c, ip_frag_queue in net/ipv4/ip_fragment.c",
    ],
    seconds: 4,
    programs: &["udp-peer"],
    play,
};

/// Plays the stories side by side, each in a lab of its own: they wait more than they work. The race comes
/// after them, because it is about time.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let rest_lost = thread::scope(|scope| {
        let lines = scope.spawn(|| stage.tell("lines", lines::play));
        let road = scope.spawn(|| stage.tell("road", road::play));
        let road_kept = scope.spawn(|| stage.tell("road-kept", road_kept::play));
        let cut = scope.spawn(|| stage.tell("cut", cut::play));
        let fragments = scope.spawn(|| stage.tell("fragments", fragments::play));
        let largest = scope.spawn(|| stage.tell("largest", largest::play));
        let overflow = scope.spawn(|| stage.tell("overflow", overflow::play));
        let unreachable = scope.spawn(|| stage.tell("unreachable", unreachable::play));

        show(ended(lines)?.0);
        show(ended(road)?.0);
        show(ended(road_kept)?.0);
        let (story, rest_lost) = ended(cut)?;
        show(story);
        show(ended(fragments)?.0);
        show(ended(largest)?.0);
        show(ended(overflow)?.0);
        show(ended(unreachable)?.0);
        Ok::<_, Trouble>(rest_lost)
    })?;
    let (story, race) = stage.tell("race", race::play)?;
    show(story);
    Ok(vec![recv_throws_away_over_udp(rest_lost.flatten()), udp_is_faster_than_tcp(race.flatten())])
}

fn ended<T>(story: ScopedJoinHandle<'_, Result<T, Trouble>>) -> Result<T, Trouble> {
    story.join().expect("a story does not panic")
}
