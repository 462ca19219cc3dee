//! One segment among many is lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use netlab::Rule;

use crate::findings::{Check, Story};
use crate::stage::{Stage, Trouble};

use super::scene::{Scene, WHY, between, data_of, lab};

const DELAY: Duration = Duration::from_millis(20);

/// Eight full segments: the rest of a frame of 1500 bytes, less the headers of IP and TCP.
pub(super) const BYTES: usize = 8 * 1448;

/// Which of them is lost.
const LOST: usize = 3;

const CHECKS: [(&str, &str); 5] = [
    ("one-loss-sack", "recoveries by SACK (TCPSackRecovery)"),
    ("one-loss-fast", "segments sent again before any timer (TCPFastRetrans)"),
    ("one-loss-timeouts", "timers that expired (TCPTimeouts)"),
    ("one-loss-time", "time from the loss until it is sent again"),
    ("one-loss-resent", "segments sent again in all (RetransSegs)"),
];

/// Plays the story; gives back how late the machine was, too.
pub(super) fn play(stage: &Stage) -> Result<(Story, Duration), Trouble> {
    let mut story = Story {
        name: "one-loss".into(),
        says: format!("eight segments are sent at once, and number {LOST} is lost"),
        belief: "what gets lost is sent again after 5 to 10 seconds".into(),
        explanation: vec![
            "The segments behind the gap arrive, and each is answered at once: still the number of the gap is \
             expected, and SACK says what is there beyond it. Three such answers, or one for what was sent \
             long enough after it, and the segment counts as lost (RFC 8985). It is sent again about one round \
             trip after the first time; nothing else is, and no timer expired."
                .into(),
            "The price is speed: a loss is taken for a sign of congestion, so fewer segments may be under way \
             afterwards."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok((story, Duration::ZERO));
    };
    let mut scene = Scene::begin(stage, lab, DELAY, &[])?;
    let (port, counted) = (scene.port, AtomicUsize::new(0));
    let third = move |packet: &netlab::Packet| {
        let is_data = packet.tcp().is_some_and(|tcp| tcp.source_port == port && tcp.len > 0);
        is_data && counted.fetch_add(1, Ordering::Relaxed) + 1 == LOST
    };
    scene.wire().add(Rule::drop("lost").matching(third));
    scene.send(BYTES)?;
    scene.wait_for_acknowledged(BYTES as u64)?;
    let played = scene.end(&mut story, &["net.ipv4.tcp_sack", "net.ipv4.tcp_recovery"])?;

    let sent = played.sent(port);
    let lost = sent.get(LOST - 1).copied();
    let again = lost.and_then(|lost| {
        let sequence = data_of(lost, port)?.sequence;
        let is_again = |record: &&&netlab::Record| {
            record.number > lost.number
                && data_of(record, port).is_some_and(|tcp| tcp.sequence == sequence)
        };
        Some(between(lost, sent.iter().find(is_again)?))
    });
    let moved = |counter| played.seen.moved("client", counter);
    let [sack, fast, timeouts, time, resent] = CHECKS;
    story.checks = vec![
        Check::equal(sack.0, sack.1, 1, moved("TcpExtTCPSackRecovery")),
        Check::equal(fast.0, fast.1, 1, moved("TcpExtTCPFastRetrans")),
        Check::equal(timeouts.0, timeouts.1, 0, moved("TcpExtTCPTimeouts")),
        // A round trip is 40 ms; the retransmission timer would take 200 ms more.
        Check::seconds(time.0, time.1, 0.04..=0.24, again.unwrap_or(-1.0)),
        Check::equal(resent.0, resent.1, 1, moved("TcpRetransSegs")),
    ];
    story.series = vec![played.series(
        "cwnd of the client: how much may be under way",
        "segments",
        |socket| Some(socket?.info?.congestion_window.into()),
    )];
    let late = played.late;
    played.put_into(&mut story);
    Ok((story, late))
}
