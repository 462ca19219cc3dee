//! The cable is cut, and the kernel is as patient as it is by default.

use std::time::Duration;

use crate::findings::{Check, Story, Table};
use crate::stage::{Stage, Trouble};

use super::model::Patience;
use super::scene::{Played, Scene, WHY, between, lab, soon_after};

const DELAY: Duration = Duration::from_millis(5);

const BYTES: usize = 100;

/// How often the data is sent, all but the first time in vain: once, a probe, and four expiries.
const SENT: usize = 6;

/// How long these take: 0, 0.2, 0.4, 0.8, 1.7 and 3.3 s.
const SENT_WITHIN: Duration = Duration::from_secs(4);

/// How long the whole story may take where it is waited for.
const FULL_LIMIT: Duration = Duration::from_secs(1100);

/// When the kernel gives up with the knobs as they are, in seconds: not before the time that
/// `tcp_retries2` stands for, and at the next expiry, which is at most two minutes later.
const END: std::ops::RangeInclusive<f64> = 924.6..=1050.0;

const CHECKS: [(&str, &str); 4] = [
    ("silent-probe", "time until the first try, a probe"),
    ("silent-doubling", "each wait for the timer, beside the one before"),
    ("silent-kept", "bytes still kept at the end of what was watched"),
    ("silent-end", "time until the kernel gives up, knobs as they are"),
];

/// What was seen of the silence.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Seconds from each try to the next.
    pub(super) waits: Vec<f64>,
    /// Seconds until the kernel gives up, waited for or computed.
    pub(super) gives_up_after: Option<f64>,
    /// Whether everything was kept to the end of what was watched.
    pub(super) kept: Option<bool>,
}

/// Plays the story; what was seen is missing where there is no wire.
pub(super) fn play(stage: &Stage) -> Result<(Story, Option<Silence>), Trouble> {
    let mut story = Story {
        name: "silent".into(),
        says: "the cable is cut, then data is sent; every knob at its default".into(),
        belief: "TCP resends every 5 to 10 seconds and gives up after 30 minutes".into(),
        ..Story::default()
    };
    let Some(lab) = lab(stage)? else {
        let silence = without_a_wire(stage, &mut story)?;
        return Ok((story, silence));
    };
    let patience = Patience::of(lab.host("client"))?;
    story.explanation = explanation(patience);
    let mut scene = Scene::begin(stage, lab, DELAY, &[])?;
    scene.cut_cable();
    scene.send(BYTES)?;
    scene.wait_for_sent(SENT, soon_after(SENT_WITHIN));
    let kept = scene.client_end()?.map_or(0, |socket| socket.send_queue);
    let ended = if stage.full { Some(scene.client_ends(FULL_LIMIT)?.0) } else { None };
    let port = scene.port;
    let knobs = ["net.ipv4.tcp_retries2", "net.ipv4.tcp_rto_max_ms"];
    let played = scene.end(&mut story, &knobs)?;

    let sent = played.sent(port);
    let gaps: Vec<f64> = sent.windows(2).map(|two| between(two[0], two[1])).collect();
    let tries: Vec<Duration> = sent.iter().map(|r| r.sent.since(sent[0].sent)).collect();
    let rest = the_rest(patience, &tries);
    let waited = ended.map(|at| at.since(sent[0].sent).as_secs_f64());
    let end = waited.or(rest.last().map(Duration::as_secs_f64)).unwrap_or(-1.0);
    let last = Check::seconds(CHECKS[3].0, CHECKS[3].1, END, end);
    let [probe, doubling, keeps, _] = CHECKS;
    story.checks = vec![
        Check::seconds(probe.0, probe.1, 0.2..=0.8, gaps.first().copied().unwrap_or(-1.0)),
        doubled(doubling, &gaps, patience.rto_max),
        Check::equal(keeps.0, keeps.1, BYTES, kept as usize),
        if waited.is_some() { last } else { last.computed() },
    ];
    story.tables = vec![match waited {
        Some(waited) => table(&tries, &[Duration::from_secs_f64(waited)], "measured"),
        None => table(&tries, &rest, "computed"),
    }];
    story.series = vec![played.timer(), played.send_queue()];
    let kept = Some(kept as usize == BYTES);
    played.put_into(&mut story);
    let silence = Silence { waits: gaps, gives_up_after: (end >= 0.0).then_some(end), kept };
    Ok((story, Some(silence)))
}

/// What the kernel does with knobs such as these.
fn explanation(patience: Patience) -> Vec<String> {
    let Patience { retries, rto_max } = patience;
    let (longest, limit) = (rto_max.as_secs_f64(), patience.limit().as_secs_f64());
    vec![
        format!(
            "The first try comes after a fifth of a second. Then the timer decides, and runs twice as long \
             each time (RFC 6298, 5.5): a network that is overloaded must not be fed with copies. From \
             {longest} s on it grows no more."
        ),
        format!(
            "The end is a matter of time, not of tries: tcp_retries2 = {retries} stands for the {limit:.1} s that \
             so many tries would take if the first timer were 200 ms, and the first expiry after that is the \
             last (tcp_model_timeout and retransmits_timed_out, net/ipv4/tcp_timer.c)."
        ),
    ]
}

/// When the timer would expire after the last try that was seen; the last time is the end.
fn the_rest(patience: Patience, tries: &[Duration]) -> Vec<Duration> {
    // The first is the data itself, the second a probe: the timer expires first at the third.
    let [_, probe, first, ..] = tries else { return Vec::new() };
    let expiries = patience.expiries(*first, first.saturating_sub(*probe));
    expiries.into_iter().skip(tries.len() - 2).collect()
}

/// Whether each wait for the timer was about twice the one before, until it can grow no more.
fn doubled((id, says): (&str, &str), gaps: &[f64], rto_max: Duration) -> Check {
    // The first wait ends with the probe, which doubles nothing.
    let waits = gaps.get(1..).unwrap_or_default().windows(2);
    let grows = |two: &&[f64]| two[0] * 2.0 < rto_max.as_secs_f64();
    let ratios: Vec<f64> = waits.filter(grows).map(|two| two[1] / two[0]).collect();
    let ok = !ratios.is_empty() && ratios.iter().all(|ratio| (1.7..=2.3).contains(ratio));
    let measured: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    Check::new(id, says, "1.7..2.3 times as long".into(), measured.join(", "), ok)
}

/// What can be said without a wire: when this machine would give up, if its knobs are the defaults.
fn without_a_wire(stage: &Stage, story: &mut Story) -> Result<Option<Silence>, Trouble> {
    let patience = Patience::of(stage.lab(&["client"])?.host("client"))?;
    story.explanation = explanation(patience);
    story.checks = Check::all_skipped(&CHECKS, WHY);
    if patience != Patience::DEFAULT {
        return Ok(None);
    }
    // As on a link without delay: the shortest timer, and a tick of the kernel's clock.
    let rto = Duration::from_millis(204);
    let end = patience.expiries(rto * 2, rto).last().map(Duration::as_secs_f64);
    let (id, says) = CHECKS[3];
    story.checks[3] = Check::seconds(id, says, END, end.unwrap_or(-1.0)).computed();
    Ok(Some(Silence { gives_up_after: end, ..Silence::default() }))
}

/// Every try: those that were seen, and the rest, the last of which is the end.
fn table(tries: &[Duration], rest: &[Duration], how: &str) -> Table {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut before = Duration::ZERO;
    let seen = tries.iter().map(|at| (at, "measured"));
    for (number, (at, how)) in seen.chain(rest.iter().map(|at| (at, how))).enumerate() {
        let wait = at.saturating_sub(before).as_secs_f64();
        before = *at;
        let what = match number {
            0 => "sent",
            1 => "probe",
            _ if number + 1 == tries.len() + rest.len() => "ETIMEDOUT",
            _ => "timer",
        };
        rows.push(vec![
            format!("{number}"),
            what.to_owned(),
            format!("{:.1} s", at.as_secs_f64()),
            format!("{wait:.1} s"),
            how.to_owned(),
        ]);
    }
    Table {
        says: "the tries, from the first packet on".into(),
        columns: ["try", "why", "at", "after a wait of", "how known"].map(str::to_owned).to_vec(),
        rows,
    }
}

/// The waits of a staircase in words: `0.21, 0.42 s`.
pub(super) fn waits_in_words(played: &Played, port: u16) -> String {
    let sent = played.sent(port);
    let waits: Vec<String> =
        sent.windows(2).map(|two| format!("{:.2}", between(two[0], two[1]))).collect();
    format!("{} s", waits.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::findings::Outcome;

    use super::*;

    #[test]
    fn waits_double_until_they_are_as_long_as_they_may_be() {
        let judge = |gaps: &[f64]| {
            doubled(("x", "waits"), gaps, Duration::from_secs(120)).outcome == Outcome::Ok
        };
        // As the kernel did when it was waited for.
        assert!(judge(&[0.21, 0.22, 0.46, 0.86, 1.7]));
        assert!(judge(&[0.21, 27.7, 55.3, 110.6, 120.8, 120.8]));
        assert!(!judge(&[0.21, 5.0, 5.0, 5.0]));
        assert!(!judge(&[0.21]));
    }
}
