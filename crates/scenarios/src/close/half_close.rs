//! One direction is closed, and the other goes on.

use std::time::Duration;

use netlab::TcpState;
use nix::sys::signal::Signal;

use crate::findings::{Check, Story};
use crate::stage::{SOON, Stage, Trouble, sockets, until};

use super::scene::{Ends, WHY, Watched, is_fin, lab, server};

const DELAY: Duration = Duration::from_millis(20);

/// Six segments.
const BYTES: usize = 8000;

const RETURNED: (&str, &str) = ("half-close-returned", "bytes that came back, of those sent");

const EXIT: (&str, &str) = ("half-close-exit", "exit code of tcp-client");

const ON_THE_WIRE: [(&str, &str); 2] = [
    ("half-close-after", "segments with data that the server sent when it had the client's FIN"),
    ("half-close-state", "the client's state while they came"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "half-close".into(),
        says: format!("the client sends {BYTES} bytes and its FIN; the server has still to send them back"),
        belief: "after a FIN the connection is over".into(),
        explanation: vec![
            "A FIN ends one direction: its sender will send no more, and reads on (shutdown(2) with SHUT_WR). \
             tcp-client does this at the end of its input. The server sends what it still owes and then says \
             its own FIN; all that time the client is in FIN-WAIT-2, acknowledges what comes, and reads it. A \
             program that takes the end of its input for the end of the connection loses the rest of the answer."
                .into(),
        ],
        ..Story::default()
    };
    let on_wire = lab(stage, DELAY)?;
    let lab = match on_wire {
        Some(lab) => lab,
        None => stage.lab(&["client", "server"])?,
    };
    let server = server(stage, &lab, &["--idle", "0"])?;
    let mut client = stage.client(&lab, "client", "client", server.address, &[])?;
    let ends = Ends::of(&lab, &client, &server)?;
    // It stands at both ends before it is watched: the last segment that opens it is on its way for a while.
    server.actor.expect("open")?;
    let watched = Watched::begin(&lab, ends)?;
    // Held up, so that the server's kernel has everything before its program sends the first byte back.
    let program = &server.actor.program;
    program.stop().map_err(Trouble::io("stop the server"))?;
    client.say(&"x".repeat(BYTES - 1))?;
    client.close_input();
    let half_closed = until("a connection that is half-closed", || {
        let is_it = |socket: &netlab::TcpSocket| {
            socket.local.port() == ends.client.port() && socket.state == TcpState::FinWait2
        };
        Ok(sockets(&lab, "client")?.iter().any(is_it).then_some(()))
    });
    program.signal(Signal::SIGCONT).map_err(Trouble::io("let the server go on"))?;
    half_closed?;
    let end = client.event(SOON, "end").ok_or_else(|| Trouble::program("client", "did not end"))?;
    let exit = client.exit()?.unwrap_or(-1);
    ends.wait_for_the_end(&lab)?;
    let ended = watched.end(&lab)?;

    story.set_up = vec![
        format!("server: tcp-server --idle 0 {}, held up until it has everything", server.address),
        format!("client: tcp-client {}: {BYTES} bytes, then the end of its input", server.address),
    ];
    let received = end["received"].as_u64().unwrap_or(0);
    story.checks = vec![
        Check::equal(RETURNED.0, RETURNED.1, BYTES as u64, received),
        Check::equal(EXIT.0, EXIT.1, 0, exit),
    ];
    if lab.wire().is_none() {
        story.checks.extend(Check::all_skipped(&ON_THE_WIRE, WHY));
        return Ok(story);
    }
    let fin_at = ended
        .seen
        .segments(|record, _| ended.is_clients(record) && is_fin(record))
        .first()
        .and_then(|fin| fin.delivered())
        .unwrap_or_default();
    let after = ended.seen.segments(|record, segment| {
        !ended.is_clients(record) && segment.len > 0 && record.sent > fin_at
    });
    let last = after.last().and_then(|record| record.delivered()).unwrap_or_default();
    let while_it_came = ended.client.iter().rev().find(|sample| sample.at < last);
    let state = while_it_came.and_then(|sample| sample.socket.as_ref()).map(|s| s.state);
    let [sent_after, state_then] = ON_THE_WIRE;
    story.checks.extend([
        Check::within(sent_after.0, sent_after.1, 3..=12, after.len()),
        Check::equal(
            state_then.0,
            state_then.1,
            TcpState::FinWait2.to_string(),
            state.map_or("none".to_owned(), |state| state.to_string()),
        ),
    ]);
    story.tables = vec![ended.states()];
    ended.put_into(&mut story, &lab);
    Ok(story)
}
