//! The last segment is lost, and nothing behind it tells.

use std::time::Duration;

use netlab::{Record, Rule, TcpInfo};

use crate::findings::{Check, Story};
use crate::stage::{Stage, Trouble};

use super::one_loss::BYTES;
use super::scene::{Played, Scene, WHY, between, data_of, lab};

const DELAY: Duration = Duration::from_millis(20);

/// How much longer the second try of what was lost takes, each way.
///
/// An answer that comes quicker than any before may be meant for the first try, so RACK does not believe
/// it (RFC 8985, 6.2): on a link with one constant delay it would be chance whether it does.
const LONGER: Duration = Duration::from_millis(20);

/// What is sent first.
const LONE: usize = 100;

/// How much later than the kernel's arithmetic a probe may come on a busy machine.
const LATE: f64 = 0.15;

const CHECKS: [(&str, &str); 4] = [
    ("tail-lone", "time until the lone segment is sent again"),
    ("tail-pair", "time from the last news until the last of eight is sent again"),
    ("tail-probes", "probes (TCPLossProbes)"),
    ("tail-timeouts", "timers of retransmission that expired (TCPTimeouts)"),
];

/// Plays the story; gives back how late the machine was, too.
pub(super) fn play(stage: &Stage) -> Result<(Story, Duration), Trouble> {
    let mut story = Story {
        name: "tail-loss".into(),
        says: "a lone segment is lost, then the last two of eight".into(),
        belief: "what gets lost is sent again after 5 to 10 seconds".into(),
        explanation: vec![
            "Nothing overtakes the last segment, so no acknowledgement can point at the gap. After about two \
             round trips without news the kernel sends the last segment once more: a probe, which costs one \
             packet and calls nothing lost yet (tcp_schedule_loss_probe, net/ipv4/tcp_output.c). The answer to \
             the probe is either the end of it, or SACK shows in it what else is missing, and that is sent \
             again at once."
                .into(),
            "A lone segment waits 200 ms longer, because its receiver may be holding the acknowledgement back; \
             but never longer than the retransmission timer."
                .into(),
        ],
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        story.checks = Check::all_skipped(&CHECKS, WHY);
        return Ok((story, Duration::ZERO));
    };
    let mut scene = Scene::begin(stage, lab, DELAY, &[])?;
    let port = scene.port;
    let is_data =
        move |p: &netlab::Packet| p.tcp().is_some_and(|t| t.source_port == port && t.len > 0);
    let before = scene.info()?;
    scene.wire().add(Rule::drop("lost: alone").matching(is_data).times(1));
    scene.send(LONE)?;
    scene.wait_for_acknowledged(LONE as u64)?;

    let first = scene.wire().records().into_iter().find_map(|r| Some(data_of(&r, port)?.sequence));
    let first = first.ok_or_else(|| Trouble::program("the client's kernel", "sent nothing"))?;
    let is_tail = move |packet: &netlab::Packet| {
        packet.tcp().is_some_and(|tcp| {
            let end = tcp.sequence.wrapping_add(u32::try_from(tcp.len).unwrap_or(0));
            let offset = end.wrapping_sub(first) as usize;
            tcp.source_port == port && tcp.len > 0 && offset >= LONE + BYTES - 1448
        })
    };
    scene.wire().add(Rule::drop("lost: the last two").matching(is_tail).times(2));
    scene.wire().add(Rule::delay("20 ms more", LONGER).matching(is_tail));
    scene.send(BYTES)?;
    scene.wait_for_acknowledged((LONE + BYTES) as u64)?;
    let knobs = ["net.ipv4.tcp_early_retrans", "net.ipv4.tcp_rto_min_us"];
    let played = scene.end(&mut story, &knobs)?;

    let sent = played.sent(port);
    let (alone, last) = (lost(&sent, "lost: alone"), lost(&sent, "lost: the last two"));
    let moved = |counter| played.seen.moved("client", counter);
    let due = lone_probe(&before);
    let (news, pair_due) = pair_probe(&played, &sent, last).unwrap_or((-1.0, 0.0));
    let [lone, pair, probes, timeouts] = CHECKS;
    story.checks = vec![
        Check::seconds(lone.0, lone.1, round(due - 0.01)..=round(due + LATE), waited(&sent, alone)),
        Check::seconds(pair.0, pair.1, round(pair_due - 0.01)..=round(pair_due + LATE), news),
        Check::equal(probes.0, probes.1, 2, moved("TcpExtTCPLossProbes")),
        Check::equal(timeouts.0, timeouts.1, 0, moved("TcpExtTCPTimeouts")),
    ];
    story.set_up.push("wire: the second try of the last two takes 20 ms longer".into());
    story.set_up.push(format!(
        "client's kernel before the loss: rtt {:.1} ms, rto {:.1} ms",
        before.rtt.as_secs_f64() * 1e3,
        before.rto.as_secs_f64() * 1e3
    ));
    let late = played.late;
    played.put_into(&mut story);
    Ok((story, late))
}

/// When a lone segment is probed for, in seconds: two round trips and the shortest timer, at the latest
/// when the retransmission timer would expire.
fn lone_probe(info: &TcpInfo) -> f64 {
    (info.rtt.as_secs_f64() * 2.0 + 0.2).min(info.rto.as_secs_f64())
}

/// How long after the last acknowledgement before it the probe for this packet left, and when it was due
/// by what the kernel knew then: after two round trips and two ticks of its clock, of 4 ms each.
fn pair_probe(played: &Played, sent: &[&Record], lost: Option<&Record>) -> Option<(f64, f64)> {
    let again = sent_again(sent, lost?)?;
    let answers = played.seen.segments(|record, tcp| {
        Some(tcp.destination_port) == again.packet.as_ref().and_then(|p| Some(p.ports()?.0))
            && record.delivered().is_some_and(|at| at < again.sent)
    });
    let news = answers.last()?.delivered()?;
    let known = played.samples.iter().rev().filter(|sample| sample.at < again.sent);
    let info = known.into_iter().find_map(|sample| sample.socket.as_ref()?.info)?;
    let due = (info.rtt.as_secs_f64() * 2.0 + 0.008).min(info.rto.as_secs_f64());
    Some((again.sent.since(news).as_secs_f64(), due))
}

fn round(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// The last packet that this rule took.
fn lost<'a>(sent: &[&'a Record], rule: &str) -> Option<&'a Record> {
    sent.iter().copied().rfind(|record| record.rule.as_deref() == Some(rule))
}

/// The next packet with the same data.
fn sent_again<'a>(sent: &[&'a Record], lost: &Record) -> Option<&'a Record> {
    let sequence = |record: &Record| Some(record.packet.as_ref()?.tcp()?.sequence);
    sent.iter().copied().find(|r| r.number > lost.number && sequence(r) == sequence(lost))
}

/// Seconds until the same data left again; below zero where it did not.
fn waited(sent: &[&Record], lost: Option<&Record>) -> f64 {
    lost.and_then(|lost| Some(between(lost, sent_again(sent, lost)?))).unwrap_or(-1.0)
}
