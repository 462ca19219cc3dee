//! Why is an address "already in use" that nobody uses any more?
//!
//! A port is held not only by who listens on it: connections that were accepted there hold it too, the
//! last of them in TIME_WAIT, when no program is left. `SO_REUSEADDR` says that such connections do not
//! matter, and on Linux both have to say so, the old socket and the new one.

mod again;
mod datagrams;
mod matrix;
mod port_shared;
mod restart;
mod sockets;

use crate::claims::{Restart, System, address_in_use_is_of_macos};
use crate::findings::{Claim, Story};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "reuse",
    question: "why is an address \"already in use\" that nobody uses any more?",
    explain: &[
        "A server's port is held by every socket that is bound to it: the listener, each connection that \
         it has accepted, and each of those that is closed and not forgotten yet.",
        "The side that closes a connection first keeps it in TIME_WAIT, on Linux for 60 seconds, without \
         any program: to answer a FIN that comes again, and to keep late segments out of a new connection.",
        "A server that is stopped while clients are connected closes first. So the TIME_WAIT is on its port, \
         and bind(2) fails: EADDRINUSE. Where the client closed first the port is free at once.",
        "SO_REUSEADDR says that such leftovers do not matter. Linux wants it from both sockets, the old one \
         and the new one; BSD and macOS from the new one only.",
        "So it belongs in a server from its first start. Rust's standard library, tokio and Go set it on \
         Unix by themselves; a bare socket(2), and Python's socket.socket, do not.",
        "It never lets two listeners share a port on Linux. On Windows it does, which is how a port is \
         stolen there; SO_EXCLUSIVEADDRUSE prevents it.",
        "SO_REUSEPORT is for sharing: all sockets must say it and belong to one user, and the kernel spreads \
         connections or datagrams over them by a hash of addresses and ports.",
        "UDP has neither listeners nor TIME_WAIT. There SO_REUSEADDR lets a second socket take every \
         datagram from the first without a word.",
        "socket(7), SO_REUSEADDR and BUGS: https://man7.org/linux/man-pages/man7/socket.7.html; ip(7), on \
         sharing an address: https://man7.org/linux/man-pages/man7/ip.7.html",
        "RFC 9293, 3.6.1, TIME_WAIT: https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1",
        "kernel: inet_bind_conflict in net/ipv4/inet_connection_sock.c, reuseport_select_sock in \
         net/core/sock_reuseport.c, udp4_lib_lookup2 in net/ipv4/udp.c",
    ],
    seconds: 2,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays the two restarts, then every pair of an old socket and a new one.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let (story, seen) = stage.tell("restart", restart::without_the_option)?;
    show(story);
    show(stage.tell("restart-reuse", restart::with_the_option)?.0);
    show(stage.tell("matrix", matrix::play)?.0);
    show(stage.tell("reuse-port", port_shared::play)?.0);
    show(stage.tell("udp", datagrams::play)?.0);
    let on_linux = |check, with_the_option, in_use| Restart {
        system: System::Linux,
        check,
        with_the_option,
        in_use,
    };
    Ok(vec![address_in_use_is_of_macos(&[
        on_linux(restart::PLAIN.0, false, seen.as_ref().map(|seen| seen.plain_in_use)),
        on_linux(restart::LATE.0, true, seen.as_ref().map(|seen| seen.late_in_use)),
    ])])
}
