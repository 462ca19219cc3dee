//! What does a client get while a flood of forged requests comes, and what defends the server?
//!
//! Each forged request leaves a half-open connection that nobody will ever complete. The pool of these is
//! what the flood fills; what defends is to need no place in it: a SYN cookie, and over UDP a program's own.

mod attack;
mod cost;
mod defence;
mod first_packets;
mod forged;

use crate::claims::half_open_pool_defends_and_listen_sizes_it;
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "flood",
    question: "what does a client get during a flood of forged requests, and what defends the server?",
    explain: &[
        "A SYN costs its sender nothing, and its address may be forged. The server keeps a half-open \
         connection for it, answers, and waits for an ACK that never comes.",
        "The half-open connections of a listener are bounded: on Linux of today by the backlog of listen(2), \
         plus one. When the pool is full, further requests are dropped, and an honest client's among them.",
        "So a larger pool only takes a little longer to fill. At 4,000 requests a second, a pool of 8 is full \
         after 2 ms, one of 4,096 after a second.",
        "SYN cookies need no place in it: the server puts what it would have to remember into the sequence \
         number of its SYN, ACK, signed, and forgets the request. The third segment brings the number back.",
        "With net.ipv4.tcp_syncookies=1, the default, Linux sends them only while the pool is full; with 2 \
         always, and keeps no half-open connection at all; with 0 never.",
        "A number has 32 bits, so not everything fits. What the client offered, larger windows and selective \
         acknowledgement, is kept in the time stamp that it sends back; without time stamps it is lost.",
        "A forged sender must be one that nobody answers for: a machine that exists sends a RST and frees the \
         place. A sender to whom the server has no route is not even kept.",
        "A program that shakes hands itself, over UDP, has to defend itself. udp-peer asks for a cookie when many \
         handshakes are unfinished (a Retry, as QUIC has it), and answers no first packet with more than it has.",
        "There is a second defence: when the pool is more than half full, old entries get fewer tries, and \
         are gone after seven seconds in place of a minute.",
        "Watch: nstat shows TcpExtTCPReqQFullDrop, TcpExtSyncookiesSent and TcpExtSyncookiesRecv; ss -tan \
         state syn-recv shows the pool. The kernel says \"Possible SYN flooding\" in dmesg, once for a listener.",
        "RFC 4987, SYN flooding attacks and common mitigations: https://www.rfc-editor.org/rfc/rfc4987",
        "tcp_syncookies in the kernel's ip-sysctl: https://docs.kernel.org/networking/ip-sysctl.html; \
         listen(2): https://man7.org/linux/man-pages/man2/listen.2.html",
        "kernel: tcp_conn_request and tcp_syn_flood_action in net/ipv4/tcp_input.c, net/ipv4/syncookies.c, \
         reqsk_timer_handler in net/ipv4/inet_connection_sock.c",
    ],
    seconds: 7,
    programs: &["tcp-server", "tcp-client", "udp-peer"],
    play,
};

/// Plays the flood against three settings of the defence, then what the defence costs, then against a program
/// that defends itself.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let mut checks = Vec::new();
    for defence in [defence::OFF, defence::ON, defence::ALWAYS] {
        let (story, _) = stage.tell(defence.name, |stage| defence.play(stage))?;
        checks.extend_from_slice(&story.checks);
        show(story);
    }
    show(stage.tell("cost", cost::play)?.0);
    show(stage.tell("udp-cookies", |stage| first_packets::play(stage, &checks))?.0);
    Ok(vec![half_open_pool_defends_and_listen_sizes_it(&checks)])
}
