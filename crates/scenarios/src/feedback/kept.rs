//! What was sent is kept until the acknowledgement is there.

use std::time::Duration;

use crate::findings::{Check, Story};
use crate::stage::{SOON, Stage, Trouble};

use super::scene::{Scene, WHY, lab};

/// Each way: long enough to tell the moment of arrival from that of the acknowledgement.
const DELAY: Duration = Duration::from_millis(100);

const BYTES: usize = 1000;

const CHECKS: [(&str, &str); 3] = [
    ("kept-queue", "bytes kept when they had left"),
    ("kept-arrived", "bytes kept when they had arrived at the server"),
    ("kept-until-ack", "time from the acknowledgement's arrival until nothing is kept"),
];

/// Plays the story; gives back whether the data was kept until it was acknowledged, if that could be seen.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<bool>), Trouble> {
    let mut story = Story {
        name: "kept".into(),
        says: format!("{BYTES} bytes are sent over a link of 100 ms each way"),
        belief: "data that was sent is held in memory until it is acknowledged".into(),
        explanation: vec![
            "A send is done when the kernel has copied the data, long before it arrives. From then on it is \
             in the send queue, which shrinks when an acknowledgement comes and at no other time: not when \
             the data leaves, and not when it arrives (tcp_clean_rtx_queue, net/ipv4/tcp_input.c)."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok((story, None));
    };
    let mut scene = Scene::begin(stage, lab, DELAY, &[])?;
    scene.send(BYTES)?;
    scene.wait_for_sent(1, SOON);
    scene.wait_for_acknowledged(BYTES as u64)?;
    let port = scene.port;
    let played = scene.end(&mut story, &[])?;

    let sent = played.sent(port);
    let arrived = sent.first().and_then(|record| record.delivered()).unwrap_or_default();
    let acked = played.seen.segments(|record, tcp| {
        tcp.destination_port == port && tcp.flags.ack && record.sent >= arrived
    });
    let acked = acked.first().and_then(|record| record.delivered()).unwrap_or_default();
    let queue = |sample: &netlab::connection_watch::ConnectionSample| {
        sample.socket.as_ref().map_or(0, |socket| socket.send_queue)
    };
    let most = played.samples.iter().map(queue).max().unwrap_or(0);
    let empty = played.samples.iter().find(|sample| sample.at > arrived && queue(sample) == 0);
    // A sample that is stamped before the acknowledgement was delivered would be a loss of data.
    let late = empty.map_or(-1.0, |sample| sample.at.as_millis() - acked.as_millis()) / 1e3;
    let bytes = u32::try_from(BYTES).expect("a thousand");
    // Nothing happens to it between its arrival and the acknowledgement's, and on a busy machine nobody may have
    // looked before.
    let at_arrival = played.kept_at(acked).unwrap_or(0);
    let [at_send, there, until] = CHECKS;
    story.checks = vec![
        Check::equal(at_send.0, at_send.1, bytes, most),
        Check::equal(there.0, there.1, bytes, at_arrival),
        Check::seconds(until.0, until.1, 0.0..=0.3, late),
    ];
    let kept = most == bytes && at_arrival == bytes && (0.0..=0.3).contains(&late);
    story.series = vec![played.send_queue()];
    played.put_into(&mut story);
    Ok((story, Some(kept)))
}
