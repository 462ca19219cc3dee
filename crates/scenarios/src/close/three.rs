//! The server closes as soon as it reads the end of its input.

use crate::findings::{Check, Story};
use crate::stage::{Stage, Trouble};

use super::scene::{DELAY, Ended, Ends, WHY, Watched, client, lab, server};

/// How often a busy machine may fail to close within the 40 ms for which an ACK is held back.
const ATTEMPTS: usize = 5;

const CHECKS: [(&str, &str); 2] =
    [("close-three", "segments of the close"), ("close-three-order", "who says what")];

/// Plays the story; gives back how many segments the close took, where that could be seen.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<usize>), Trouble> {
    let mut story = Story {
        name: "three".into(),
        says: "the client closes, and the server closes as soon as it reads the end".into(),
        belief: "a close takes four segments, and the two in the middle can never be merged".into(),
        explanation: vec![
            "A FIN is acknowledged like a byte of data, so its ACK may be held back for a moment \
             (tcp_fin, net/ipv4/tcp_input.c). Within that moment the server's program has read the end of \
             the stream and closed, and the server's own FIN takes the ACK along. So the client never is in \
             FIN-WAIT-2."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage, DELAY)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok((story, None));
    };
    let server = server(stage, &lab, &["--idle", "0"])?;
    let mut attempts = 0;
    let ended = loop {
        attempts += 1;
        let mut client = client(stage, &lab, &server)?;
        let ends = Ends::of(&lab, &client, &server)?;
        let watched = Watched::begin(&lab, ends)?;
        client.close_input();
        client.expect("end")?;
        ends.wait_for_the_end(&lab)?;
        let ended: Ended = watched.end(&lab)?;
        if ended.close().len() == 3 || attempts == ATTEMPTS {
            break ended;
        }
    };
    story.set_up = vec![
        format!("server: tcp-server --idle 0 {}", server.address),
        format!("client: tcp-client {}: one line, then the end of its input", server.address),
    ];
    if attempts > 1 {
        story.set_up.push(format!("attempt {attempts}: before, the server closed too late"));
    }
    let segments = ended.close().len();
    let [count, order] = CHECKS;
    story.checks = vec![
        Check::equal(count.0, count.1, 3, segments),
        Check::equal(
            order.0,
            order.1,
            "client FIN, server FIN, client ACK".to_owned(),
            ended.close_in_words(),
        ),
    ];
    story.tables = vec![ended.states()];
    ended.put_into(&mut story, &lab);
    Ok((story, Some(segments)))
}
