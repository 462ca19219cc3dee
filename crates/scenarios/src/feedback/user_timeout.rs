//! A program that does not want to wait for a quarter of an hour.

use std::time::Duration;

use crate::findings::{Check, Story};
use crate::stage::{Stage, Trouble};

use super::scene::{Scene, WHY, lab, soon_after};
use super::silent::waits_in_words;

const DELAY: Duration = Duration::from_millis(5);

const BYTES: usize = 100;

const CHECKS: [(&str, &str); 3] = [
    ("user-timeout-time", "time until the kernel gives up"),
    ("user-timeout-aborts", "connections given up (TCPAbortOnTimeout)"),
    ("user-timeout-ending", "what tcp-client says of it"),
];

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "user-timeout".into(),
        says: "the same silence, for a socket whose program has set a limit of 2 s".into(),
        belief: "how long TCP tries is the system's business".into(),
        explanation: vec![
            "TCP_USER_TIMEOUT is a limit for one socket: how long sent data may stay unacknowledged (tcp(7), \
             RFC 5482). The tries are the same; the timer that would pass the limit is drawn forward to it \
             (tcp_clamp_rto_to_user_timeout, net/ipv4/tcp_timer.c). Linux counts from the first try that the \
             timer made, so the end comes a little after the 2 s: ETIMEDOUT as before."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    };
    let mut scene = Scene::begin(stage, lab, DELAY, &["--user-timeout", "2s"])?;
    scene.cut_cable();
    scene.send(BYTES)?;
    let (ended_at, ended) = scene.client_ends(soon_after(Duration::from_secs(2)))?;
    let port = scene.port;
    let played = scene.end(&mut story, &["net.ipv4.tcp_retries2"])?;

    let first = played.sent(port).first().map(|record| record.sent).unwrap_or_default();
    let aborts_counted = played.seen.moved("client", "TcpExtTCPAbortOnTimeout");
    let [time, aborts, ending] = CHECKS;
    story.checks = vec![
        Check::seconds(time.0, time.1, 2.0..=3.5, ended_at.since(first).as_secs_f64()),
        Check::equal(aborts.0, aborts.1, 1, aborts_counted),
        Check::equal(
            ending.0,
            ending.1,
            "Unanswered",
            ended["ending"].as_str().unwrap_or("nothing"),
        ),
    ];
    story.set_up.push(format!("waits between the tries: {}", waits_in_words(&played, port)));
    story.series = vec![played.timer()];
    played.put_into(&mut story);
    Ok(story)
}
