//! Unix, IPv4 and IPv6: what is the same, and what is not?
//!
//! A stream is a stream and a datagram is a datagram over each of them: the same calls, the same bytes.
//! What differs is the name of the other side, who may connect, and what becomes of a datagram that
//! finds no room.

mod addresses;
mod datagram_addresses;
mod datagrams;
mod speed;
mod two_stacks;
mod unix;
mod ways;

use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "families",
    question: "Unix, IPv4 and IPv6: what is the same, and what is not?",
    explain: &[
        "socket(2) asks for two things: a family, which says how addresses look (AF_UNIX, AF_INET, AF_INET6), \
         and a type, which says what is carried (SOCK_STREAM: bytes in order; SOCK_DGRAM: messages).",
        "The type decides how a program is written, and is the same in every family. The family decides \
         where the other side can be, and what it is called.",
        "An address of IPv4 or IPv6 is a number and a port. A link-local one of IPv6 (fe80::) is good on one \
         link only, so the number of the link belongs to it: its scope.",
        "A socket of IPv6 on [::] takes IPv4 too, unless it says IPV6_V6ONLY: the client 10.0.0.1 is then \
         called ::ffff:10.0.0.1.",
        "The name of a Unix socket is a file, or begins with a NUL byte and is in no file system (abstract), \
         or there is none: most clients have none.",
        "The file of a Unix socket has an owner and permissions: who may not write to it may not connect. It \
         outlives its server. And both ends can ask the kernel who the other one is: SO_PEERCRED.",
        "UDP throws away what finds the receive buffer full, and tells nobody. Unix datagrams wait: the sender \
         blocks, or gets EAGAIN.",
        "Within one machine a Unix socket has less to do: no checksums, no segments, no acknowledgements, no \
         addresses to look up.",
        "unix(7): https://man7.org/linux/man-pages/man7/unix.7.html; ipv6(7), on IPV6_V6ONLY: \
         https://man7.org/linux/man-pages/man7/ipv6.7.html; ip(7) and udp(7)",
        "RFC 4291, 2.5.5.2, mapped addresses; RFC 4007, 11, scopes: \
         https://www.rfc-editor.org/rfc/rfc4007#section-11; RFC 3493, 5.3, IPV6_V6ONLY",
        "kernel: unix_dgram_sendmsg and unix_find_bsd in net/unix/af_unix.c, ipv6_rcv_saddr_equal in \
         net/ipv4/inet_connection_sock.c, __udp_enqueue_schedule_skb in net/ipv4/udp.c",
    ],
    seconds: 4,
    programs: &["tcp-server", "tcp-client", "udp-peer"],
    play,
};

/// Plays the six stories. Nobody claims anything of it.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    show(stage.tell("addresses", addresses::play)?.0);
    show(stage.tell("datagram-addresses", datagram_addresses::play)?.0);
    show(stage.tell("two-stacks", two_stacks::play)?.0);
    show(stage.tell("unix", unix::play)?.0);
    show(stage.tell("datagrams", datagrams::play)?.0);
    show(stage.tell("speed", speed::play)?.0);
    Ok(Vec::new())
}
