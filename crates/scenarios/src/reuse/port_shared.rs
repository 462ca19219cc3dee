//! `SO_REUSEPORT`: several listeners on one port, on purpose.

use std::net::{Ipv4Addr, SocketAddr};

use netlab::Lab;
use socket2::{Socket, Type};

use super::sockets::{HOST, Outcome, Says, address_of, in_words, listener, pairs};
use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble};

use Outcome::{Binds, InUse};

/// So many connections that they all come to one of two listeners once in 2^63 runs.
const CONNECTIONS: usize = 64;

const PAIRS: (&str, &str) = ("reuse-port-pairs", "a second listener, by who says SO_REUSEPORT");

const MIXED: (&str, &str) =
    ("reuse-port-mixed", "a second listener by SO_REUSEPORT beside one by SO_REUSEADDR");

const SHARE: (&str, &str) =
    ("reuse-port-share", "connections that the first of two listeners gets");

const SUM: (&str, &str) = ("reuse-port-sum", "connections that the two get together");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "reuse-port".into(),
        says: "two listeners on one port".into(),
        belief: "SO_REUSEPORT is another name for SO_REUSEADDR".into(),
        set_up: vec!["bare sockets on 127.0.0.1: our server opens one listener".into()],
        explanation: vec![
            "SO_REUSEPORT is for several sockets that serve one port at the same time. All of them must say \
             it, the first too, and belong to the same user, so that nobody else takes a share (socket(7)). \
             Each new connection goes to one of them, picked by a hash of the four numbers of its \
             connection (reuseport_select_sock, net/core/sock_reuseport.c)."
                .into(),
            "Each has an accept queue of its own. When one of the listeners is closed, the connections that \
             wait in its queue are reset, unless net.ipv4.tcp_migrate_req lets another take them over."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&[HOST])?;
    let mut measured = Vec::new();
    for (_, old, new) in pairs("SO_REUSEPORT") {
        let says = |it_does| Says::ReusePort.when(it_does);
        let (_first, second) = two(&lab, says(old), says(new))?;
        measured.push(Outcome::from(&second));
    }
    let (_first, mixed) = two(&lab, Says::ReuseAddr, Says::ReusePort)?;
    let [first, second] = shares(&lab)?;

    story.tables = vec![
        Table {
            says: "what becomes of the second listener while the first one listens".into(),
            columns: pairs("SO_REUSEPORT").map(|(heading, ..)| heading).to_vec(),
            rows: vec![measured.iter().map(ToString::to_string).collect()],
        },
        Table {
            says: format!("{CONNECTIONS} connections from as many ports"),
            columns: vec!["the first listener".into(), "the second".into()],
            rows: vec![vec![first.to_string(), second.to_string()]],
        },
    ];
    let only_both = in_words(&[InUse, InUse, InUse, Binds]);
    story.checks = vec![
        Check::equal(PAIRS.0, PAIRS.1, only_both, in_words(&measured)),
        Check::equal(MIXED.0, MIXED.1, InUse, Outcome::from(&mixed)),
        Check::within(SHARE.0, SHARE.1, 1..=CONNECTIONS - 1, first),
        Check::equal(SUM.0, SUM.1, CONNECTIONS, first + second),
    ];
    Ok(story)
}

/// A listener, and what becomes of a second one on its address.
fn two(lab: &Lab, first: Says, second: Says) -> Result<(Socket, std::io::Result<Socket>), Trouble> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let first = listener(lab, first, any).map_err(Trouble::io("listen on loopback"))?;
    let second = listener(lab, second, address_of(&first)?);
    Ok((first, second))
}

/// How many of many connections each of two listeners gets.
fn shares(lab: &Lab) -> Result<[usize; 2], Trouble> {
    let (first, second) = two(lab, Says::ReusePort, Says::ReusePort)?;
    let second = second.map_err(Trouble::io("listen on a port that is shared"))?;
    let address = address_of(&first)?;
    let connect = move || {
        let connect = |_| {
            let client = Socket::new(socket2::Domain::IPV4, Type::STREAM, None)?;
            client.connect(&address.into()).map(|()| client)
        };
        (0..CONNECTIONS).map(connect).collect::<std::io::Result<Vec<_>>>()
    };
    // They wait in the queues, which are long enough for all of them.
    let _clients = lab.host(HOST).run(connect).map_err(Trouble::io("connect on loopback"))?;
    let took = |listener: &Socket| -> std::io::Result<usize> {
        listener.set_nonblocking(true)?;
        let mut taken = 0;
        while let Ok((_child, _)) = listener.accept() {
            taken += 1;
        }
        Ok(taken)
    };
    let took = |listener| took(listener).map_err(Trouble::io("accept what waits"));
    Ok([took(&first)?, took(&second)?])
}
