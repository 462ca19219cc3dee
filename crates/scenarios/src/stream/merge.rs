//! Three sends, one recv.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use netlab::{Lab, Rule};

use crate::findings::{Check, Story};
use crate::observe::Watch;
use crate::stage::{Stage, Trouble};

use super::pair::{Pair, check_lengths, segment_lengths};

/// What is sent, each with a call of its own.
const SENDS: [&str; 3] = ["one", "two", "three"];

/// Each way. With Nagle's algorithm the second send must come before the first is acknowledged, on a
/// busy machine too.
const DELAY: Duration = Duration::from_millis(50);

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let lab = stage.lab(&["client", "server"])?;
    if let Some(wire) = lab.wire() {
        wire.add(Rule::delay("50 ms each way", DELAY));
    }
    let mut pair = Pair::connect(stage, &lab)?;
    let watch = Watch::begin(&lab, pair.address.port())?;
    let (first, others) = send_and_receive(&mut pair, &lab)?;
    pair.wait_for_acknowledgement(&lab)?;
    pair.client.set_nodelay(false).map_err(Trouble::io("turn Nagle's algorithm on"))?;
    send_and_receive(&mut pair, &lab)?;
    let seen = watch.end(&lab)?;

    let mut story = Story {
        name: "merge".into(),
        says: "\"one\", \"two\" and \"three\" are sent, and then one recv(1024) is called".into(),
        belief: "each recv() gets what one send() sent".into(),
        set_up: vec![
            format!("bare sockets: three send() to {}, then one recv(1024)", pair.address),
            "twice: with TCP_NODELAY, and without it, as sockets are by default".into(),
        ],
        explanation: vec![
            "TCP numbers bytes, not messages (RFC 9293, 3.4). What arrives is appended to one queue, and a \
             read takes what is there, whichever sends it came from (tcp_recvmsg, net/ipv4/tcp.c). The first \
             time three segments arrived and one read took them all."
                .into(),
            "The second time the sender's own kernel joined the sends: while a small segment is not \
             acknowledged, what comes after it waits and goes together (Nagle's algorithm, RFC 1122, \
             4.2.3.4). TCP_NODELAY turns that off, but gives no message boundaries: they are the program's \
             to send."
                .into(),
        ],
        ..Story::default()
    };
    let lengths = segment_lengths(&seen, pair.port);
    let (with_nodelay, without) = lengths.split_at(lengths.len().min(SENDS.len()));
    story.checks = vec![
        Check::equal("merge-read", "what the first recv gets", SENDS.concat(), first),
        Check::equal("merge-others", "bytes that are left for another recv", 0, others),
        check_lengths(
            &lab,
            "merge-segments",
            "lengths of the segments, with TCP_NODELAY",
            &[3, 3, 5],
            with_nodelay,
        ),
        check_lengths(&lab, "merge-nagle", "the same, without it", &[3, 8], without),
    ];
    pair.put_into(&lab, seen, &mut story);
    Ok(story)
}

/// Sends three times, and receives once when all of it has arrived; says what is left then.
fn send_and_receive(pair: &mut Pair, lab: &Lab) -> Result<(String, u32), Trouble> {
    let failed = || Trouble::io("talk over a bare connection");
    for message in SENDS {
        pair.client.write_all(message.as_bytes()).map_err(failed())?;
    }
    let all = SENDS.concat().len();
    pair.wait_for_unread(lab, u32::try_from(all).expect("a few bytes"))?;
    let mut buffer = [0; 1024];
    let length = pair.server.read(&mut buffer).map_err(failed())?;
    Ok((String::from_utf8_lossy(&buffer[..length]).into_owned(), pair.unread(lab)?))
}
