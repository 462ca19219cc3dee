//! What is left on a port, and what each pair of an old socket and a new one makes of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use netlab::{Lab, TcpState};
use socket2::Type;

use super::again::{Again, OPTION};
use super::sockets::{HOST, Outcome, Says, address_of, bound, in_words, listener, pairs};
use crate::findings::{Check, Story, Table};
use crate::stage::{Actor, Stage, Trouble, sockets, until};

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
            "tcp-server on 127.0.0.1, each pair on a port of its own: the one that does not say it has \
             --no-reuse-addr"
                .into(),
            "client, where there is a connection: tcp-client; the server is killed to close first".into(),
            "bare sockets for one that is bound and does not listen, which no server of ours is".into(),
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
            measured.push(row.left.meets(stage, &lab, (old, new))?);
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

/// A pair: whether the old one and the new one say the option.
type Pair = (bool, bool);

impl Left {
    /// Leaves this on a port, and gives what becomes of a new one there.
    fn meets(self, stage: &Stage, lab: &Lab, (old, new): Pair) -> Result<Outcome, Trouble> {
        if self == Self::Bound {
            return bound_meets(lab, (old, new));
        }
        let first = if self == Self::Everywhere { "0.0.0.0:0" } else { "127.0.0.1:0" };
        // With --once it closes its listener when it has a connection, and serves that on.
        let once: &[&str] = if self == Self::Child { &["--once"] } else { &[] };
        let args = [once, options(old)].concat();
        let mut server = stage.server_at(lab, HOST, "tcp-server", first, &args)?;
        let port = server.listens_at()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut client = None;
        if matches!(self, Self::TimeWait | Self::Nothing | Self::Child) {
            client = Some(served(stage, lab, address)?);
        }
        match (self, &mut client) {
            (Self::TimeWait, Some(client)) => {
                // Its kernel closes what it had, and so is first.
                kill(&mut server)?;
                client.exit()?;
                settled(lab, port)?;
            }
            (Self::Nothing, Some(client)) => {
                client.close_input();
                client.exit()?;
                settled(lab, port)?;
                kill(&mut server)?;
            }
            _ => {}
        }
        let wanted = if self == Self::Elsewhere { SECOND } else { address.ip() };
        let again = Again::start(stage, lab, HOST, (wanted, port).into(), options(new))?;
        // Until here lives what is on the port.
        drop((server, client));
        Ok(again.of_socket)
    }
}

fn options(says_it: bool) -> &'static [&'static str] {
    if says_it { &[] } else { &[OPTION] }
}

/// A client that has said a word and read its echo.
fn served(stage: &Stage, lab: &Lab, server: SocketAddr) -> Result<Actor, Trouble> {
    let mut client = stage.client(lab, HOST, "client", server, &[])?;
    client.say("hello")?;
    client.expect("data")?;
    Ok(client)
}

fn kill(server: &mut Actor) -> Result<(), Trouble> {
    server.program.kill().map_err(Trouble::io("end the server"))?;
    Ok(())
}

/// Waits until nothing on the port will change for a minute.
fn settled(lab: &Lab, port: u16) -> Result<(), Trouble> {
    until("the end of a connection", || {
        let all = sockets(lab, HOST)?;
        let mut of_port = all.iter().filter(|socket| socket.local.port() == port);
        let settled = of_port.all(|s| matches!(s.state, TcpState::Listen | TcpState::TimeWait));
        Ok(settled.then_some(()))
    })
}

/// Bare sockets: tcp-server listens on whatever it has bound.
fn bound_meets(lab: &Lab, (old, new): Pair) -> Result<Outcome, Trouble> {
    let says = |it_does| Says::ReuseAddr.when(it_does);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let old = bound(lab, Type::STREAM, says(old), any);
    let old = old.map_err(Trouble::io("bind the old socket"))?;
    Ok(Outcome::from(&listener(lab, says(new), address_of(&old)?)))
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
