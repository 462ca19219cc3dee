//! What is left on a port, and what each pair of an old socket and a new one makes of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use netlab::{Lab, TcpState};
use socket2::{Socket, Type};

use super::sockets::{
    HOST, Outcome, Says, address_of, bound, connection, in_words, listener, pairs,
};
use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble, sockets, until};

use Outcome::{Binds, InUse};

/// Another address of the same loopback: all of 127.0.0.0/8 is this machine.
const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// What the old socket has left when the new one comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Its listener is gone, and it closed the connection first.
    TimeWait,
    /// Its listener is gone, and a connection that it accepted goes on.
    Child,
    /// Its listener is gone, and the client closed the connection first.
    Nothing,
    /// It is bound, and does not listen.
    Bound,
    /// It listens.
    Listener,
    /// It listens on all addresses.
    Everywhere,
    /// It listens on another address.
    Elsewhere,
}

/// A row of the matrix.
struct Row {
    id: &'static str,
    says: &'static str,
    left: Left,
    /// For neither, only the new one, only the old one, both.
    expected: [Outcome; 4],
}

const ONLY_BOTH: [Outcome; 4] = [InUse, InUse, InUse, Binds];

const ROWS: [Row; 7] = [
    Row {
        id: "reuse-time-wait",
        says: "a connection in TIME_WAIT: the server closed first",
        left: Left::TimeWait,
        expected: ONLY_BOTH,
    },
    Row {
        id: "reuse-child",
        says: "a connection that goes on, its listener gone",
        left: Left::Child,
        expected: ONLY_BOTH,
    },
    Row {
        id: "reuse-client-first",
        says: "nothing: the client closed first",
        left: Left::Nothing,
        expected: [Binds; 4],
    },
    Row {
        id: "reuse-bound",
        says: "a socket that is bound and does not listen",
        left: Left::Bound,
        expected: ONLY_BOTH,
    },
    Row {
        id: "reuse-listener",
        says: "a socket that listens",
        left: Left::Listener,
        expected: [InUse; 4],
    },
    Row {
        id: "reuse-everywhere",
        says: "one that listens on 0.0.0.0; the new one wants 127.0.0.1",
        left: Left::Everywhere,
        expected: [InUse; 4],
    },
    Row {
        id: "reuse-elsewhere",
        says: "one that listens on 127.0.0.1; the new one wants 127.0.0.2",
        left: Left::Elsewhere,
        expected: [Binds; 4],
    },
];

const BOTH_BOUND: (&str, &str) =
    ("reuse-both-bound", "both bound by SO_REUSEADDR: the first listen, then the second");

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "matrix".into(),
        says: "every pair of an old socket and a new one on the same port".into(),
        belief: "SO_REUSEADDR on the new socket is what makes it bind".into(),
        set_up: vec![
            "bare sockets on 127.0.0.1, each pair on a port of its own; the new one is to bind and listen"
                .into(),
        ],
        explanation: vec![
            "bind(2) compares the new socket with each that the port has, in any state \
             (inet_bind_conflict, net/ipv4/inet_connection_sock.c): two that both say SO_REUSEADDR do not \
             conflict unless one of them listens. A connection has inherited the word from its listener, \
             and keeps it in TIME_WAIT. So it must have been said before the old server bound: to add it \
             for the restart is too late. BSD and macOS ask only the later socket (socket(7), BUGS)."
                .into(),
            "Two listeners never share a port this way, so nothing is stolen: on Windows the same option \
             does let another program take over a port that lives (SO_EXCLUSIVEADDRUSE is what prevents it \
             there), which is why Rust's standard library sets it everywhere but there."
                .into(),
        ],
        ..Story::default()
    };
    let lab = stage.lab(&[HOST])?;
    let mut table = Table {
        says: "what becomes of the new socket".into(),
        columns: ["on the port is left".to_owned()]
            .into_iter()
            .chain(pairs("SO_REUSEADDR").map(|(heading, ..)| heading))
            .collect(),
        rows: Vec::new(),
    };
    for row in &ROWS {
        let mut measured = Vec::new();
        for (_, old, new) in pairs("SO_REUSEADDR") {
            let says = |it_does| Says::ReuseAddr.when(it_does);
            measured.push(row.left.meets(&lab, says(old), says(new))?);
        }
        let cells = measured.iter().map(ToString::to_string);
        table.rows.push([row.says.to_owned()].into_iter().chain(cells).collect());
        let expected = in_words(&row.expected);
        story.checks.push(Check::equal(row.id, row.says, expected, in_words(&measured)));
    }
    story.tables = vec![table];
    story.checks.push(both_bound(&lab)?);
    Ok(story)
}

impl Left {
    /// Leaves this on a port, and gives what becomes of a new socket there.
    fn meets(self, lab: &Lab, old: Says, new: Says) -> Result<Outcome, Trouble> {
        let here = |ip: IpAddr, port| SocketAddr::new(ip, port);
        let (first, second) = match self {
            Self::Everywhere => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()),
            Self::Elsewhere => (Ipv4Addr::LOCALHOST.into(), SECOND),
            _ => (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()),
        };
        let failed = || Trouble::io("bind the old socket");
        let old = match self {
            Self::Bound => bound(lab, Type::STREAM, old, here(first, 0)).map_err(failed())?,
            _ => listener(lab, old, here(first, 0)).map_err(failed())?,
        };
        let port = address_of(&old)?.port();
        // What is kept lives until the new socket has been tried.
        let _kept: Vec<Socket> = match self {
            Self::Bound | Self::Listener | Self::Everywhere | Self::Elsewhere => vec![old],
            Self::TimeWait => {
                let (client, child) = connection(lab, &old)?;
                end(lab, port, child, client)?;
                drop(old);
                Vec::new()
            }
            Self::Nothing => {
                let (client, child) = connection(lab, &old)?;
                end(lab, port, client, child)?;
                drop(old);
                Vec::new()
            }
            Self::Child => {
                let (client, child) = connection(lab, &old)?;
                drop(old);
                vec![client, child]
            }
        };
        Ok(Outcome::from(&listener(lab, new, here(second, port))))
    }
}

/// Closes a connection of the server on `port`, `first` before `second`, and waits until nothing of it
/// there will change for a minute.
fn end(lab: &Lab, port: u16, first: Socket, second: Socket) -> Result<(), Trouble> {
    drop(first);
    drop(second);
    until("the end of a connection", || {
        let all = sockets(lab, HOST)?;
        let mut of_port = all.iter().filter(|socket| socket.local.port() == port);
        let settled = of_port.all(|s| matches!(s.state, TcpState::Listen | TcpState::TimeWait));
        Ok(settled.then_some(()))
    })
}

/// Two that are bound and do not listen do not conflict; that they both listen is refused later.
fn both_bound(lab: &Lab) -> Result<Check, Trouble> {
    let failed = || Trouble::io("bind two sockets to one port");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let first = bound(lab, Type::STREAM, Says::ReuseAddr, any).map_err(failed())?;
    let same = address_of(&first)?;
    let second = bound(lab, Type::STREAM, Says::ReuseAddr, same).map_err(failed())?;
    let outcomes = [first, second].map(|socket| (Outcome::from(&socket.listen(1)), socket));
    let measured = outcomes.each_ref().map(|(outcome, _)| *outcome);
    Ok(Check::equal(BOTH_BOUND.0, BOTH_BOUND.1, in_words(&[Binds, InUse]), in_words(&measured)))
}
