//! The server's program has something else to do when its client closes.

use netlab::Record;
use nix::sys::signal::Signal;

use crate::findings::{Check, Story};
use crate::stage::{SOON, Stage, Trouble};

use super::scene::{DELAY, Ends, WHY, Watched, client, is_fin, lab, server, tcp};

const CHECKS: [(&str, &str); 3] = [
    ("close-four", "segments of the close"),
    ("close-four-order", "who says what"),
    ("close-four-held", "how long the server's kernel holds its ACK back"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "four".into(),
        says: "the client closes, and the server's program is held up for a while".into(),
        belief: "a close takes four segments".into(),
        explanation: vec![
            "Now nobody reads the end of the stream. The kernel holds its ACK back for 40 ms, in the hope that \
             something can take it along (TCP_DELACK_MIN), and then sends it alone: DelayedACKs counts it. \
             When the program goes on, its FIN goes alone too. Four segments are what a close takes when \
             the second side does not close at once, for whatever reason."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage, DELAY)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    };
    let server = server(stage, &lab, &["--idle", "0"])?;
    let mut client = client(stage, &lab, &server)?;
    let ends = Ends::of(&lab, &client, &server)?;
    let watched = Watched::begin(&lab, ends)?;
    let program = &server.actor.program;
    program.stop().map_err(Trouble::io("stop the server"))?;
    client.close_input();
    let wire = lab.wire().expect("a wire was asked for");
    let fin = wire
        .wait_for(SOON, |record| ends.are_of(record) && is_fin(record))
        .ok_or_else(|| Trouble::program("client", "said no FIN"))?;
    let is_answer = |record: &Record| {
        let is_from_server =
            tcp(record).is_some_and(|tcp| tcp.destination_port == ends.client.port());
        is_from_server && record.number > fin.number && record.delivered().is_some()
    };
    let ack = wire.wait_for(SOON, is_answer);
    program.signal(Signal::SIGCONT).map_err(Trouble::io("let the server go on"))?;
    let ack = ack.ok_or_else(|| Trouble::program("the server's kernel", "sent no ACK"))?;
    client.expect("end")?;
    ends.wait_for_the_end(&lab)?;
    let ended = watched.end(&lab)?;

    story.set_up = vec![
        format!(
            "server: tcp-server --idle 0 {}, held up until its kernel has said ACK",
            server.address
        ),
        format!("client: tcp-client {}: one line, then the end of its input", server.address),
    ];
    let arrived = ended.close().first().and_then(|fin| fin.delivered()).unwrap_or_default();
    let [count, order, held_back] = CHECKS;
    story.checks = vec![
        Check::equal(count.0, count.1, 4, ended.close().len()),
        Check::equal(
            order.0,
            order.1,
            "client FIN, server ACK, server FIN, client ACK".to_owned(),
            ended.close_in_words(),
        ),
        Check::seconds(
            held_back.0,
            held_back.1,
            0.03..=0.25,
            ack.sent.since(arrived).as_secs_f64(),
        ),
    ];
    story.tables = vec![ended.states()];
    ended.put_into(&mut story, &lab);
    Ok(story)
}
