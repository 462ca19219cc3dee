//! Both sides close before either has heard of the other's close.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use netlab::{Lab, TcpState};

use crate::findings::{Check, Story};
use crate::stage::{PORT, Stage, Trouble, sockets_in};

use super::scene::{Ends, WHY, Watched, lab};

/// Each way: both FINs are under way at the same time.
const DELAY: Duration = Duration::from_millis(100);

const CHECKS: [(&str, &str); 2] = [
    ("close-both", "the segments of the close, FINs first"),
    ("close-both-time-wait", "ends in TIME_WAIT"),
];

/// Plays the story.
///
/// Bare sockets: our programs do not close at the same instant.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "both".into(),
        says: "both sides close at the same moment, over a link of 100 ms each way".into(),
        belief: "one side closes, and the other answers".into(),
        explanation: vec![
            "Each FIN meets a side that has said its own already. Nothing is left that could take the ACK \
             along, so each acknowledges alone. Both were first, as far as they know, so both keep the \
             connection in TIME_WAIT; CLOSING is the state of who has seen the other's FIN before the ACK of \
             its own (RFC 9293, 3.6, case 3)."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage, DELAY)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    };
    let (client, server, ends) = connect(&lab).map_err(Trouble::io("connect bare sockets"))?;
    let watched = Watched::begin(&lab, ends)?;
    drop(client);
    drop(server);
    ends.wait_for_the_end(&lab)?;
    let ended = watched.end(&lab)?;

    let mut waiting = 0;
    for host in ["client", "server"] {
        waiting += sockets_in(&lab, host, TcpState::TimeWait)?;
    }
    story.set_up = vec![format!("bare sockets: close() at both ends, {}", ends.server)];
    let kinds: Vec<&str> = ended
        .close()
        .iter()
        .map(|record| if super::scene::is_fin(record) { "FIN" } else { "ACK" })
        .collect();
    let [segments, time_wait] = CHECKS;
    story.checks = vec![
        Check::equal(segments.0, segments.1, "FIN, FIN, ACK, ACK".to_owned(), kinds.join(", ")),
        Check::equal(time_wait.0, time_wait.1, 2, waiting),
    ];
    story.tables = vec![ended.states()];
    ended.put_into(&mut story, &lab);
    Ok(story)
}

fn connect(lab: &Lab) -> io::Result<(TcpStream, TcpStream, Ends)> {
    let address = (lab.host("server").address(), PORT);
    let listener = lab.host("server").run(move || TcpListener::bind(address))?;
    let address = listener.local_addr()?;
    let client = lab.host("client").run(move || TcpStream::connect(address))?;
    let (server, from) = listener.accept()?;
    Ok((client, server, Ends { client: from, server: address }))
}
