//! What does a server see of a client that goes?
//!
//! It sees what the client's side put on the wire, in its last moment or long after, and nothing else:
//! a FIN, a RST, or silence.

mod forgotten;
mod others;
mod row;

use std::thread;

use crate::claims::{
    Disconnect, Forgotten, Reader, System, disconnect_looks_by_system, socket_closes_by_itself,
};
use crate::findings::{Claim, Story, Table};
use crate::scenario::Scenario;
use crate::stage::{Stage, Trouble};

use row::{Act, Row, Saw};

/// The ways to go, from the politest to the quietest.
const ROWS: [Row; 7] = [
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
             (tcp_keepalive_time). With 1 s and three probes the kernel gives up after about four seconds: \
             ETIMEDOUT.",
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
    seconds: 10,
    programs: &["tcp-server", "tcp-client"],
    play,
};

/// Plays every row and shows them side by side, and meanwhile, in labs of their own, the servers that do
/// not close.
pub fn play(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Claim>, Trouble> {
    thread::scope(|scope| {
        let forgotten = scope.spawn(|| forgotten::while_it_lives(stage));
        let exited = scope.spawn(|| forgotten::when_it_ends(stage));
        let disconnects = play_rows(stage, show)?;
        let ended = "a story does not panic";
        let (story, closed_while_alive) = forgotten.join().expect(ended)?;
        show(story);
        let (story, closed_at_exit) = exited.join().expect(ended)?;
        show(story);
        Ok(vec![
            disconnect_looks_by_system(&disconnects),
            socket_closes_by_itself(Forgotten {
                closed_while_alive: Some(closed_while_alive),
                closed_at_exit: Some(closed_at_exit),
            }),
        ])
    })
}

fn play_rows(stage: &Stage, show: &mut dyn FnMut(Story)) -> Result<Vec<Disconnect>, Trouble> {
    let mut saws = Vec::new();
    for row in &ROWS {
        let (story, saw) = row.play(stage)?;
        show(story);
        saws.push(saw);
    }
    show(summary(&saws));
    Ok(ROWS
        .iter()
        .zip(&saws)
        .filter_map(|(row, saw)| {
            let check = match row.act {
                Act::Kill => "killed-ending",
                Act::KillUnread => "killed-unread-ending",
                Act::Reset => "reset-ending",
                Act::Cut => "cut-ending",
                // In order, or not the client's doing.
                Act::Close | Act::SendOn | Act::CutKeepalive => return None,
            };
            Some(Disconnect { system: System::Linux, check, seen: saw.as_ref().and_then(reader) })
        })
        .collect())
}

/// What the server's program saw, as the claim speaks of it.
fn reader(saw: &Saw) -> Option<Reader> {
    match saw.ending.as_str() {
        "PeerFin" => Some(Reader::EmptyRead),
        "PeerReset" => Some(Reader::Error),
        "nothing" => Some(Reader::Nothing),
        _ => None,
    }
}

fn summary(saws: &[Option<Saw>]) -> Story {
    let rows = ROWS.iter().zip(saws).map(|(row, saw)| {
        let cells = match saw {
            Some(saw) => [row.name, &saw.wire, &saw.ending, &saw.others],
            None => [row.name, "not seen", "not seen", "not seen"],
        };
        cells.map(str::to_owned).to_vec()
    });
    Story {
        name: "summary".into(),
        says: "the ways to go, side by side".into(),
        belief: "it depends on the operating system".into(),
        tables: vec![Table {
            says: "what the server saw, and how another client of it fared meanwhile".into(),
            columns: ["story", "on the wire", "tcp-server says", "another client"]
                .map(str::to_owned)
                .to_vec(),
            rows: rows.collect(),
        }],
        ..Story::default()
    }
}
