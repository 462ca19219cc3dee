//! What does a server see of a client that goes?
//!
//! It sees what the client's side put on the wire, in its last moment or long after, and nothing else:
//! a FIN, a RST, or silence.

mod forgotten;
mod others;
mod row;
mod scene;

use std::thread;

use crate::claims::{System, disconnect_looks_by_system, socket_closes_by_itself};
use crate::findings::{Check, Claim, Story, Table};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

use row::{Act, Row, Saw};

/// The ways to go, from the politest to the quietest.
const ROWS: [Row; 9] = [
    Row {
        name: "fin",
        says: "the client closes in order",
        belief: "the server reads an empty message",
        act: Act::Close,
        wire: "FIN",
        ending: "PeerFin",
        counter: None,
        explanation: "The end of the client's input is half a close: it says FIN and reads on. The server \
             reads the end of the stream, sends what it still owes, and closes its own direction.",
    },
    Row {
        name: "killed",
        says: "the client is killed with kill -9, having read everything",
        belief: "an abrupt end is an empty message on Linux and an exception on Windows",
        act: Act::Kill,
        wire: "FIN",
        ending: "PeerFin",
        counter: None,
        explanation: "The program has no say in how it ends, its kernel has: it closes every descriptor of \
             a process that is gone. With nothing unread that is a FIN, the same as a polite close.",
    },
    Row {
        name: "killed-unread",
        says: "the client is killed with kill -9, an answer unread in its socket",
        belief: "an abrupt end is an empty message on Linux and an exception on Windows",
        act: Act::KillUnread,
        wire: "RST",
        ending: "PeerReset",
        counter: Some(("client", "TcpExtTCPAbortOnClose", 1)),
        explanation: "The same kill, but an answer had arrived that nobody had read. A close that throws \
             data away is told to the sender by a RST (RFC 2525, 2.17; __tcp_close), so the server's read \
             fails. Linux, and an exception.",
    },
    Row {
        name: "reset",
        says: "the client closes with SO_LINGER set to zero",
        belief: "only a crash resets a connection",
        act: Act::Reset,
        wire: "RST",
        ending: "PeerReset",
        counter: Some(("client", "TcpExtTCPAbortOnData", 1)),
        explanation: "A program may ask for a RST in place of a FIN: SO_LINGER with a time of zero \
             (socket(7)). Load generators do it, to leave no TIME_WAIT behind.",
    },
    Row {
        name: "destroyed",
        says: "the client's connection is ended over its head, as ss -K does",
        belief: "only the two programs can end their connection",
        act: Act::Destroy,
        wire: "RST",
        ending: "PeerReset",
        counter: Some(("client", "TcpOutRsts", 1)),
        explanation: "Whoever has CAP_NET_ADMIN may end any connection of the host (SOCK_DESTROY, sock_diag(7)). \
             The kernel says RST to the peer and gives the program that has the socket ECONNABORTED \
             (tcp_abort, net/ipv4/tcp.c). So a server may be reset by a client that did nothing.",
    },
    Row {
        name: "late-sender",
        says: "the server has closed, and the client sends on",
        belief: "sending to somebody who has gone is an error at once",
        act: Act::SendOn,
        wire: "RST from the server",
        ending: "Idle",
        counter: Some(("server", "TcpOutRsts", 1)),
        explanation: "A FIN says only that its sender is done sending, so the first send after it succeeds: \
             the bytes leave, and a RST comes back, because nobody reads there any more. Only the next send \
             meets it, as EPIPE. A program that ignores the empty read learns of it late.",
    },
    Row {
        name: "cut",
        says: "the cable is cut, and the client is killed behind it",
        belief: "the server notices when a client is gone",
        act: Act::Cut,
        wire: "nothing",
        ending: "nothing",
        counter: None,
        explanation: "No packet, no news: for the server's kernel the connection stands, and it will stand \
             for ever if nobody sends. That is what an idle limit or keepalive is for.",
    },
    Row {
        name: "cut-keepalive",
        says: "the cable is cut, and the server asks every second whether the client is there",
        belief: "TCP notices by itself that the other side is gone",
        act: Act::CutKeepalive,
        wire: "nothing",
        ending: "Unanswered",
        counter: None,
        explanation: "Keepalive is off unless a program asks for it, and then waits two hours by default \
             (tcp_keepalive_time). Here it was 1 s: the cut cable swallowed {probes} probes, and the kernel \
             gave up after {time}: ETIMEDOUT.",
    },
    Row {
        name: "rebooted",
        says: "the client's host loses its sockets behind a cut cable, and the cable is put in again",
        belief: "a machine that comes up again has closed its old connections",
        act: Act::Reboot,
        wire: "RST",
        ending: "PeerReset",
        counter: None,
        explanation: "A machine that lost its power says nothing, then or later. The server learns of it when it \
             sends: its answer, sent again, comes to a kernel that has no such connection, and that says so by \
             a RST. A server that has nothing to send would not learn of it at all.",
    },
];

/// The demo.
pub const SCENARIO: Scenario = Scenario {
    name: "disconnect",
    question: "what does a server see of a client that goes?",
    explain: &[
        "A server learns of its client's end by packets only: a FIN (no more data), a RST (the \
         connection is void), or an error of its own timers.",
        "Who closes a socket says FIN. The reader gets what is under way, then the end of the \
         stream: a read of zero bytes, on every system.",
        "A process that is killed closes nothing itself; its kernel closes its descriptors, so \
         kill -9 looks like a close.",
        "A close that throws away unread data says RST in place of FIN, so that the sender learns \
         of the loss. So does SO_LINGER with a time of zero.",
        "A RST makes the reader's call fail (ECONNRESET), on every system.",
        "A kernel that does not know of a connection answers its segments with a RST: so does a machine \
         that has come up again. And an administrator may have a connection ended (ss -K).",
        "A socket that is closed in both directions answers data with a RST, so the first send \
         after a peer's close succeeds and the second fails (EPIPE).",
        "A FIN closes one direction. The other is closed by the program that has the descriptor, or \
         by the end of its process; until then its socket is in CLOSE-WAIT, for ever if need be.",
        "No packet is no news: a cut cable or a dead machine is seen by a timer only, of \
         retransmission where data is under way, of keepalive where none is, or of the program.",
        "tcp(7), on keepalive: https://man7.org/linux/man-pages/man7/tcp.7.html; socket(7), on \
         SO_LINGER: https://man7.org/linux/man-pages/man7/socket.7.html",
        "RFC 9293, 3.6, closing; RFC 2525, 2.17, unread data: \
         https://www.rfc-editor.org/rfc/rfc2525#section-2.17; RFC 1122, 4.2.3.6, keepalive",
        "kernel: __tcp_close in net/ipv4/tcp.c, tcp_keepalive_timer in net/ipv4/tcp_timer.c",
    ],
    seconds: 9,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays every row and shows them side by side, and the servers that do not close: meanwhile, where these
/// have labs of their own, and else when nobody's packets are counted with theirs.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    let mut checks: Vec<Check> = Vec::new();
    let mut tell = |story: Story| {
        checks.extend_from_slice(&story.checks);
        show(story);
    };
    if stage.level.has_namespaces() {
        thread::scope(|scope| {
            let forgotten = scope.spawn(|| stage.tell("forgotten", forgotten::while_it_lives));
            let exited = scope.spawn(|| stage.tell("exited", forgotten::when_it_ends));
            play_rows(stage, &mut tell)?;
            let ended = "a story does not panic";
            tell(forgotten.join().expect(ended)?.0);
            tell(exited.join().expect(ended)?.0);
            Ok::<(), Trouble>(())
        })?;
    } else {
        play_rows(stage, &mut tell)?;
        tell(stage.tell("forgotten", forgotten::while_it_lives)?.0);
        tell(stage.tell("exited", forgotten::when_it_ends)?.0);
    }
    Ok(vec![
        disconnect_looks_by_system(&[(System::Linux, &checks)]),
        socket_closes_by_itself(&checks),
    ])
}

/// The rows that wait for seconds are played meanwhile, and told in their places.
fn play_rows(stage: &Stage, tell: &mut dyn FnMut(Story)) -> Result<(), Trouble> {
    thread::scope(|scope| {
        let is_long = |row: &Row| matches!(row.act, Act::Cut | Act::CutKeepalive);
        let meanwhile = |row: &'static Row| {
            let starts = is_long(row) && stage.level.has_namespaces();
            let play = || stage.tell(row.name, |stage| row.play(stage));
            (row, starts.then(|| scope.spawn(play)))
        };
        let playing: Vec<_> = ROWS.iter().map(meanwhile).collect();
        let mut saws = Vec::new();
        for (row, playing) in playing {
            let (story, saw) = match playing {
                Some(playing) => playing.join().expect("a row does not panic")?,
                None => stage.tell(row.name, |stage| row.play(stage))?,
            };
            tell(story);
            saws.push(saw.flatten());
        }
        tell(summary(&saws));
        Ok(())
    })
}

/// What the summary says of what this machine cannot show.
const NOT_SEEN: &str = "not seen";

fn summary(saws: &[Option<Saw>]) -> Story {
    let rows = ROWS.iter().zip(saws).map(|(row, saw)| {
        let cells = match saw {
            Some(saw) => {
                let wire = saw.wire.as_deref().unwrap_or(NOT_SEEN);
                [row.name, wire, &saw.ending, &saw.others]
            }
            None => [row.name, NOT_SEEN, NOT_SEEN, NOT_SEEN],
        };
        cells.map(str::to_owned).to_vec()
    });
    Story {
        name: "summary".into(),
        says: "the ways to go, side by side".into(),
        belief: "it depends on the operating system".into(),
        tables: vec![Table {
            says: "what the server saw, and how the other clients of it fared meanwhile".into(),
            columns: ["story", "on the wire", "tcp-server says", "the other clients"]
                .map(str::to_owned)
                .to_vec(),
            rows: rows.collect(),
        }],
        ..Story::default()
    }
}
