//! The whole story of a silence, with a kernel that is made impatient.

use std::time::Duration;

use crate::findings::{Check, Story};
use crate::stage::{Stage, Trouble};

use super::scene::{Scene, WHY, lab, soon_after};
use super::silent::waits_in_words;

const DELAY: Duration = Duration::from_millis(5);

const BYTES: usize = 100;

const RETRIES: &str = "net.ipv4.tcp_retries2";

const RTO_MAX: &str = "net.ipv4.tcp_rto_max_ms";

const CHECKS: [(&str, &str); 6] = [
    ("given-up-time", "time from the timer's first try until the kernel gives up"),
    ("given-up-resent", "segments sent again (RetransSegs)"),
    ("given-up-timeouts", "timers that expired (TCPTimeouts)"),
    ("given-up-aborts", "connections given up (TCPAbortOnTimeout)"),
    ("given-up-ending", "what tcp-client says of it"),
    ("given-up-kept", "bytes kept until then, and after it"),
];

/// Which knobs are lowered, and what follows from them.
struct Impatience {
    knobs: &'static [(&'static str, &'static str)],
    time: std::ops::RangeInclusive<f64>,
    resent: std::ops::RangeInclusive<i64>,
}

/// The timer is held at a second, so eight tries stand for 7.4 s.
const SHORT_TIMER: Impatience =
    Impatience { knobs: &[(RTO_MAX, "1000"), (RETRIES, "8")], time: 7.4..=8.8, resent: 8..=10 };

/// Where the timer cannot be held: five tries stand for 12.6 s.
const FEW_TRIES: Impatience =
    Impatience { knobs: &[(RETRIES, "5")], time: 12.6..=20.0, resent: 6..=7 };

/// Plays the story.
pub(super) fn play(stage: &Stage) -> Result<Story, Trouble> {
    let mut story = Story {
        name: "given-up".into(),
        says: "the same silence to its end, with knobs that make the kernel impatient".into(),
        belief: "TCP gives up after 30 minutes".into(),
        explanation: vec![
            "When the limit has passed, the next expiry of the timer ends the connection: the kernel throws \
             away what it kept, and the program's next call fails with ETIMEDOUT. The last expiry counts in \
             TCPTimeouts too, though nothing is sent then. Nothing is told to the other side, which cannot be \
             reached anyway."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok(story);
    };
    let has_knob = lab.host("client").sysctl(RTO_MAX).is_ok();
    let impatience = if has_knob { SHORT_TIMER } else { FEW_TRIES };
    for (knob, value) in impatience.knobs {
        stage.turn(&lab, "client", knob, value)?;
    }
    let mut scene = Scene::begin(stage, lab, DELAY, &[])?;
    scene.cut_cable();
    scene.send(BYTES)?;
    let limit = Duration::from_secs_f64(*impatience.time.end());
    let (ended_at, ended) = scene.client_ends(soon_after(limit))?;
    let port = scene.port;
    let played = scene.end(&mut story, &[RETRIES, RTO_MAX])?;

    // The data itself, the probe, and then what the timer sends: from there the kernel counts.
    let first = played.sent(port).get(2).map(|record| record.sent).unwrap_or_default();
    let moved = |counter| played.seen.moved("client", counter);
    let queues = played.send_queue();
    let kept: Vec<String> = queues.points.iter().map(|(_, bytes)| bytes.to_string()).collect();
    let resent = moved("TcpRetransSegs");
    let [time, again, timeouts, aborts, ending, keeps] = CHECKS;
    story.checks = vec![
        Check::seconds(time.0, time.1, impatience.time, ended_at.since(first).as_secs_f64()),
        Check::within(again.0, again.1, impatience.resent, resent),
        // One of what was sent again was the probe, which no timer of retransmission sent; the last
        // expiry sends nothing.
        Check::equal(timeouts.0, timeouts.1, resent, moved("TcpExtTCPTimeouts")),
        Check::equal(aborts.0, aborts.1, 1, moved("TcpExtTCPAbortOnTimeout")),
        Check::equal(
            ending.0,
            ending.1,
            "Unanswered",
            ended["ending"].as_str().unwrap_or("nothing"),
        ),
        Check::equal(keeps.0, keeps.1, format!("0, {BYTES}, 0"), kept.join(", ")),
    ];
    story.set_up.push(format!("waits between the tries: {}", waits_in_words(&played, port)));
    story.series = vec![played.timer(), queues];
    played.put_into(&mut story);
    Ok(story)
}
